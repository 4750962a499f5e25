//! What stands in the brackets of an attribute: `name = "…", queue = "…"`, `signals(…)`.

use proc_macro2::{Ident, Span};
use syn::{
    Error, ExprArray, LitStr, Path, Result, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::name;

/// Longest name, as the engine has it.
const NAME_BYTES_MAX: usize = 249;

/// The options of all attributes; each takes its own and refuses the others.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) queue: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) queues: Vec<LitStr>,
    /// Runs of earlier versions go on with this one.
    pub(crate) takes_over: bool,
    pub(crate) validate: Option<Path>,
    /// Handlers of a workflow.
    pub(crate) signals: Vec<Path>,
    pub(crate) queries: Vec<Path>,
    pub(crate) updates: Vec<Path>,
    /// Where each was written, for errors.
    given: Vec<Ident>,
}

impl Options {
    /// The name on the wire: the one given or that of `ident`.
    pub(crate) fn wire_name(&self, ident: &Ident) -> String {
        self.name
            .as_ref()
            .map_or_else(|| name::dashed(ident), LitStr::value)
    }

    /// Refuses all options but these.
    pub(crate) fn only(&self, known: &[&str], of: &str) -> Result<()> {
        match self
            .given
            .iter()
            .find(|option| !known.contains(&option.to_string().as_str()))
        {
            None => Ok(()),
            Some(other) => {
                let list = known
                    .iter()
                    .map(|option| format!("`{option}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                Err(Error::new(
                    other.span(),
                    format!("{of} has no option `{other}`: it has {list}"),
                ))
            }
        }
    }

    /// The version; 1.0.0 unless given.
    pub(crate) fn version(&self) -> String {
        self.version
            .as_ref()
            .map_or_else(|| "1.0.0".into(), LitStr::value)
    }

    /// Handlers stand in parentheses: `signals(approve, refuse)`.
    fn take_handlers(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        let inside;
        syn::parenthesized!(inside in input);
        let paths = Punctuated::<Path, Token![,]>::parse_terminated(&inside)?;
        let list = match option.to_string().as_str() {
            "signals" => &mut self.signals,
            "queries" => &mut self.queries,
            _ => &mut self.updates,
        };
        list.extend(paths);
        Ok(())
    }

    fn take(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "name" => self.name = Some(checked_name(input.parse()?)?),
            "queue" => self.queue = Some(checked_name(input.parse()?)?),
            "version" => self.version = Some(checked_version(input.parse()?)?),
            "queues" => self.queues = queue_list(&input.parse()?)?,
            "upgrade" => self.takes_over = upgrade(&input.parse()?)?,
            "validate" => self.validate = Some(input.parse()?),
            _ => {}
        }
        Ok(())
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let option: Ident = input.parse()?;
            let is_one_of = |names: &[&str]| names.contains(&option.to_string().as_str());
            if !is_one_of(VALUES) && !is_one_of(HANDLERS) {
                let text = format!(
                    "there is no option `{option}`: there are `name`, `queries`, `queue`, `queues`, `signals`, `updates`, `upgrade`, `validate`, `version`"
                );
                return Err(Error::new(option.span(), text));
            }
            if options.given.contains(&option) {
                return Err(Error::new(
                    option.span(),
                    format!("`{option}` is given twice"),
                ));
            }
            if is_one_of(HANDLERS) {
                options.take_handlers(&option, input)?;
            } else {
                input.parse::<Token![=]>()?;
                options.take(&option, input)?;
            }
            options.given.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// Options that are given a value.
const VALUES: &[&str] = &["name", "queue", "version", "queues", "upgrade", "validate"];

/// Options that list handlers.
const HANDLERS: &[&str] = &["signals", "queries", "updates"];

fn queue_list(array: &ExprArray) -> Result<Vec<LitStr>> {
    let literals = array.elems.iter().map(|element| match element {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) => checked_name(text.clone()),
        other => Err(Error::new_spanned(
            other,
            "a queue is given as a text: \"payments\"",
        )),
    });
    literals.collect()
}

/// Whether a version takes over runs of earlier ones.
fn upgrade(how: &LitStr) -> Result<bool> {
    match how.value().as_str() {
        "auto" => Ok(true),
        "pinned" => Ok(false),
        _ => Err(Error::new(
            how.span(),
            "an upgrade is \"auto\": runs of earlier versions go on with this one; or \"pinned\": they keep theirs",
        )),
    }
}

fn checked_name(name: LitStr) -> Result<LitStr> {
    check(name.span(), &name.value())?;
    Ok(name)
}

/// Refuses what the engine would refuse as a name.
fn check(span: Span, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::new(
            span,
            format!("a name has 1 to {NAME_BYTES_MAX} bytes"),
        ));
    }
    match name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(*c))
    {
        Some(other) => Err(Error::new(
            span,
            format!("a name holds letters, digits, `-`, `_` and `.`, not `{other}`"),
        )),
        None => Ok(()),
    }
}

fn checked_version(version: LitStr) -> Result<LitStr> {
    match semver::Version::parse(&version.value()) {
        Ok(_) => Ok(version),
        Err(error) => Err(Error::new(
            version.span(),
            format!("a version is like \"1.2.0\": {error}"),
        )),
    }
}
