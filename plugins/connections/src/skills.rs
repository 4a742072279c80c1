//! What is known of skills: their category, and which ones go with them.

mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

use self::table::SKILLS;

/// An area of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    Frontend,
    Backend,
    Mobile,
    Database,
    Devops,
    Cloud,
    Aiml,
    Languages,
    Other,
}

impl Category {
    /// How much a skill of it counts.
    pub(crate) const fn weight(self) -> f64 {
        match self {
            Self::Frontend | Self::Backend | Self::Mobile => 1.2,
            Self::Database | Self::Devops => 1.1,
            Self::Cloud => 1.3,
            Self::Aiml => 1.4,
            Self::Languages | Self::Other => 1.0,
        }
    }
}

/// A skill that is known.
struct Known {
    category: Category,
    related: &'static [&'static str],
}

static KNOWN: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let all = SKILLS.iter().flat_map(|(category, skills)| skills.iter().map(move |skill| (*category, skill)));
    all.map(|(category, (name, related))| (*name, Known { category, related })).collect()
});

/// The category of a normalised skill; what is not known is other.
pub(crate) fn category(skill: &str) -> Category {
    KNOWN.get(skill).map_or(Category::Other, |known| known.category)
}

/// The skills that go with a normalised one.
pub(crate) fn related(skill: &str) -> &'static [&'static str] {
    KNOWN.get(skill).map_or(&[], |known| known.related)
}

/// A skill as it is compared: in lower case, trimmed, inner spaces single. The plugin `auth` writes `skillKeys` by the same rule.
pub(crate) fn normal(skill: &str) -> String {
    skill.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn skills_are_normalised() {
        for (typed, normalised) in [
            (" React ", "react"),
            ("Machine\t Learning", "machine learning"),
            ("ÉCOLE", "école"),
            ("  ", ""),
            ("c++", "c++"),
        ] {
            assert_eq!(normal(typed), normalised);
        }
    }

    #[test]
    fn the_table_is_sound() {
        let names: Vec<&str> = SKILLS.iter().flat_map(|(_, skills)| skills.iter().map(|(name, _)| *name)).collect();
        let known: HashSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), known.len(), "a skill stands there twice");
        assert!(names.len() >= 150);
        for (_, skills) in SKILLS {
            for (name, related) in *skills {
                assert_eq!(normal(name), *name);
                // A query asks for a user's skills and all that are related to them at once.
                assert!((1..=8).contains(&related.len()), "{name} has {} related skills", related.len());
                let distinct: HashSet<_> = related.iter().collect();
                assert_eq!(distinct.len(), related.len(), "a skill is related to {name} twice");
                for other in *related {
                    assert!(known.contains(other), "{other}, related to {name}, is no skill of the table");
                    assert_ne!(other, name);
                }
            }
        }
    }

    #[test]
    fn react_goes_with_node_and_typescript() {
        assert!(related("react").starts_with(&["node.js", "typescript"]));
        assert_eq!((category("react"), category("knitting")), (Category::Frontend, Category::Other));
        assert!(related("knitting").is_empty());
    }
}
