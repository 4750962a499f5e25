//! What somebody may do, and where: `operator`, `operator@shop`, `sagaline:operator@shop`.

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// See everything, and ask programs.
    Reader,
    /// Start, stop and step in.
    Operator,
    /// Delete runs, too.
    Admin,
}

/// A role, perhaps in one namespace only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) role: Role,
    /// None: in every namespace.
    pub(super) namespace: Option<Box<str>>,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Reader, Self::Operator, Self::Admin];
        all.into_iter().find(|role| role.as_str() == text)
    }
}

impl Grant {
    /// Reads one; none: that is no role of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("sagaline:").unwrap_or(text);
        let (role, namespace) = match text.split_once('@') {
            Some((role, namespace)) => (role, Some(namespace)),
            None => (text, None),
        };
        if namespace.is_some_and(str::is_empty) {
            return None;
        }
        Some(Self {
            role: Role::parse(role)?,
            namespace: namespace.map(Box::from),
        })
    }

    fn is_of(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|one| one == namespace)
    }
}

/// The highest role that these give in a namespace.
pub(super) fn highest<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    namespace: &str,
) -> Option<Role> {
    let here = grants.into_iter().filter(|grant| grant.is_of(namespace));
    here.map(|grant| grant.role).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_counts_in_its_namespace_and_the_highest_of_several() {
        let of = |texts: &[&str]| {
            let grants: Vec<Grant> = texts.iter().filter_map(|text| Grant::parse(text)).collect();
            highest(&grants, "shop")
        };

        assert_eq!(
            of(&["reader", "sagaline:operator@shop"]),
            Some(Role::Operator)
        );
        assert_eq!(of(&["reader", "admin@other"]), Some(Role::Reader));
        assert_eq!(of(&["sagaline:admin"]), Some(Role::Admin));
        for nothing in [
            "admin@",
            "Admin",
            "admin@shopp",
            "other:admin",
            "sagaline:",
            "offline_access",
        ] {
            assert_eq!(of(&[nothing]), None, "{nothing}");
        }
    }
}
