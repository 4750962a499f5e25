//! The simulation from the command line: `sim --seed N [--sagas 2000] [--weather NAME] [--bug NAME] [-v]` or `sim --seeds 1000 [--from N]`.

use std::process::ExitCode;

use sagaline_testkit::{Bug, Settings, Weather, simulate};

/// What was asked for.
struct Asked {
    first: u64,
    seeds: u64,
    sagas: u32,
    weather: Weather,
    bug: Option<Bug>,
    verbose: bool,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(asked) => run(&asked),
        Err(message) => {
            say(&format!("error: {message}"));
            say(
                "usage: sim (--seed N | --seeds COUNT [--from N]) [--sagas N] [--weather NAME] [--bug NAME] [-v]",
            );
            ExitCode::from(2)
        }
    }
}

fn run(asked: &Asked) -> ExitCode {
    for seed in asked.first..asked.first + asked.seeds {
        let settings = Settings {
            sagas: asked.sagas,
            weather: asked.weather,
            bug: asked.bug,
            verbose: asked.verbose,
            ..Settings::seed(seed)
        };
        match simulate(settings) {
            Ok(report) => say(&format!("{report:?}")),
            Err(failed) => {
                say(&failed.to_string());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    if arguments.next().as_deref() != Some("sim") {
        return Err("the only command is `sim`".into());
    }
    let mut asked = Asked {
        first: 0,
        seeds: 1,
        sagas: 2_000,
        weather: Weather::Drawn,
        bug: None,
        verbose: false,
    };
    while let Some(flag) = arguments.next() {
        let mut text = || arguments.next().ok_or(format!("{flag} needs a value"));
        let mut number = || {
            let text = text()?;
            text.parse::<u64>()
                .map_err(|_| format!("{flag}: `{text}` is no number"))
        };
        match flag.as_str() {
            "--bug" => asked.bug = Some(text()?.parse()?),
            "--seed" | "--from" => asked.first = number()?,
            "--seeds" => asked.seeds = number()?,
            "--sagas" => {
                asked.sagas = u32::try_from(number()?).map_err(|error| error.to_string())?
            }
            "--weather" => asked.weather = text()?.parse()?,
            "-v" => asked.verbose = true,
            other => return Err(format!("`{other}` is not known")),
        }
    }
    Ok(asked)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn say(line: &str) {
    println!("{line}");
}
