//! The rules of readers and owners, how far a search goes, and the rules that must be caught.

/// How the journal is read and when an owner believes.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) reading: Reading,
    pub(crate) belief: BeliefRule,
    /// A record may be lost while later ones of the same wire land.
    pub(crate) drops: bool,
    /// After a lost record the owner decides again under the same epoch and batch number.
    pub(crate) reuses_numbers: bool,
    /// A new owner's state is what lies before its claim; otherwise what it had read when it sent the claim.
    pub(crate) reads_to_claim: bool,
    /// A new owner checks that its claim is the valid one.
    pub(crate) checks_claim: bool,
    /// A new owner starts from a snapshot of the newest valid batch and sends effects of later ones only.
    pub(crate) snapshots_early: bool,
}

/// How readers tell valid batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// By the real reader.
    Ours,
    /// A void claim breaks an open batch, too.
    AnyClaimBreaks,
    /// A foreign record between those of a batch voids it.
    Unbroken,
    /// The latest record per index counts, in whatever order.
    ByIndex,
}

/// When an owner believes that its batch is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeliefRule {
    /// By the real function.
    Ours,
    /// When the footer's offset is where it must be; else readers decide.
    FooterFits,
    /// When the footer landed and no higher claim lies before it.
    FooterLanded,
}

impl Rules {
    pub(crate) const OURS: Self = Self {
        reading: Reading::Ours,
        belief: BeliefRule::Ours,
        drops: true,
        reuses_numbers: false,
        reads_to_claim: true,
        checks_claim: true,
        snapshots_early: false,
    };
}

/// How far a search goes.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) owners: usize,
    pub(crate) claims: u8,
    pub(crate) batches: u8,
    /// Most records of a batch.
    pub(crate) size: u8,
    /// Lost records, crashes and missing answers.
    pub(crate) faults: u8,
    /// Steps of a walk.
    pub(crate) steps: usize,
}

impl Limits {
    pub(crate) const SMALL: Self = Self {
        owners: 2,
        claims: 3,
        batches: 2,
        size: 2,
        faults: 2,
        steps: 60,
    };
    pub(crate) const NARROW: Self = Self {
        owners: 2,
        claims: 2,
        batches: 3,
        size: 2,
        faults: 2,
        steps: 60,
    };
    pub(crate) const BIG: Self = Self {
        owners: 3,
        claims: 6,
        batches: 7,
        size: 3,
        faults: 4,
        steps: 140,
    };
}

/// Other rules, and whether the checks catch them.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) rules: Rules,
    pub(crate) is_caught: bool,
}

/// Readings that are easy to fall into, planted bugs, and one control that is sound.
#[expect(clippy::too_many_lines, reason = "a table of readings")]
pub(crate) fn variants() -> Vec<Variant> {
    let literal = Rules {
        belief: BeliefRule::FooterLanded,
        drops: false,
        ..Rules::OURS
    };
    let reuse = Rules {
        reuses_numbers: true,
        ..Rules::OURS
    };
    let caught = |name, rules| Variant {
        name,
        rules,
        is_caught: true,
    };
    vec![
        caught(
            "a void claim breaks a batch for readers, the owner goes on",
            Rules {
                reading: Reading::AnyClaimBreaks,
                ..literal.clone()
            },
        ),
        caught(
            "readers want a batch unbroken, the owner goes on",
            Rules {
                reading: Reading::Unbroken,
                ..literal.clone()
            },
        ),
        Variant {
            name: "the footer's report is enough where nothing is lost",
            rules: literal.clone(),
            is_caught: false,
        },
        caught(
            "the footer's report is enough",
            Rules {
                drops: true,
                ..literal
            },
        ),
        caught(
            "the footer's offset is enough",
            Rules {
                belief: BeliefRule::FooterFits,
                ..Rules::OURS
            },
        ),
        caught(
            "a number is used twice, readers collect by index",
            Rules {
                reading: Reading::ByIndex,
                ..reuse.clone()
            },
        ),
        caught("a number is used twice", reuse),
        caught(
            "a snapshot is newer than effects_done",
            Rules {
                snapshots_early: true,
                ..Rules::OURS
            },
        ),
        caught(
            "state is what was read before the claim",
            Rules {
                reads_to_claim: false,
                ..Rules::OURS
            },
        ),
        caught(
            "the own claim is not checked",
            Rules {
                checks_claim: false,
                ..Rules::OURS
            },
        ),
    ]
}
