//! What must hold.

use crate::{
    logs::Seen,
    rules::Rules,
    world::{Active, World},
};

/// What does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation(pub(crate) String);

fn violated(text: String) -> Result<(), Violation> {
    Err(Violation(text))
}

/// An owner believes that its batch is valid: so say readers, and its memory is theirs. Gives the owner as it goes on.
pub(crate) fn belief(seen: &Seen, active: &Active, id: u8) -> Result<Active, Violation> {
    let Some(batch) = seen.batch_of(id) else {
        return Err(Violation(format!(
            "an owner believes in batch {id}, readers say void"
        )));
    };
    if batch.ids != [id] {
        return Err(Violation(format!(
            "batch {id} is a mixture of {:?}",
            batch.ids
        )));
    }
    let mut believed = active.clone();
    believed.memory.push(id);
    let folded = seen
        .valid
        .iter()
        .take_while(|other| other.batch_no <= batch.batch_no);
    let folded: Vec<u8> = folded.map(|batch| batch.ids[0]).collect();
    if believed.memory != folded {
        return Err(Violation(format!(
            "an owner's memory {:?} differs from the fold {folded:?}",
            believed.memory
        )));
    }
    believed.footing.batch_no += 1;
    believed.footing.offset = batch.footer_offset;
    believed.todo.push_back((believed.footing.batch_no, id));
    Ok(believed)
}

/// An effect leaves: its batch is valid.
pub(crate) fn effect(seen: &Seen, id: u8) -> Result<(), Violation> {
    match seen.batch_of(id) {
        Some(_) => Ok(()),
        None => violated(format!("an effect of void batch {id}")),
    }
}

/// Of every state: numbers without gap, and nothing is called done that was not sent.
pub(crate) fn state(seen: &Seen, world: &World) -> Result<(), Violation> {
    let mut done = 0;
    for (batch, number) in seen.valid.iter().zip(1..) {
        if batch.batch_no != number {
            return violated(format!(
                "batch {} stands where {number} was to be",
                batch.batch_no
            ));
        }
        if batch.effects_done < done {
            return violated(format!(
                "effects_done went back from {done} to {}",
                batch.effects_done
            ));
        }
        done = batch.effects_done;
        let covered = seen
            .valid
            .iter()
            .filter(|other| other.batch_no <= done)
            .flat_map(|other| &other.ids);
        if let Some(id) = covered.copied().find(|&id| !world.is_sent(id)) {
            return violated(format!(
                "effects_done {done} covers batch {id}, whose effects were not sent"
            ));
        }
    }
    Ok(())
}

/// Faults have stopped and a fresh owner comes: nothing valid may stay without its effects.
pub(crate) fn end(seen: &Seen, world: &World, rules: &Rules) -> Result<(), Violation> {
    let done = if rules.snapshots_early {
        seen.valid.len() as u64
    } else {
        seen.effects_done()
    };
    let forgotten = seen
        .valid
        .iter()
        .find(|batch| batch.batch_no <= done && !world.is_sent(batch.ids[0]));
    match forgotten {
        None => Ok(()),
        Some(batch) => violated(format!(
            "effects of valid batch {:?} are never sent",
            batch.ids
        )),
    }
}
