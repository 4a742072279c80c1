//! How well two users' skills go together.

use crate::skills::{self, Category};

/// From this score up somebody is recommended.
pub(crate) const RECOMMENDED: f64 = 0.05;
/// Above this one the match is a high one.
pub(crate) const HIGH: f64 = 0.5;

/// MongoDB merges the ranges of as many values in order; with more it would sort all that match. Ten skills never have so many.
const MOST_WANTED: usize = 200;
const UNKNOWN_AGE: i32 = 25;
/// As many categories as make somebody fully diverse.
const DIVERSE: f64 = 8.0;

/// A set of skills, and the age of who has them.
#[derive(Debug)]
pub(crate) struct Holder {
    /// In order, each once.
    skills: Vec<Skill>,
    /// Skills, weighted by the years since somebody came of age.
    experience: f64,
    /// The length of the vector of weights.
    norm: f64,
}

#[derive(Debug)]
struct Skill {
    name: String,
    category: Category,
}

/// Somebody for whom others are ranked.
#[derive(Debug)]
pub(crate) struct Seeker {
    own: Holder,
    /// What goes with the own skills. In order, each once.
    related: Vec<&'static str>,
}

/// The parts of a score, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parts {
    /// J: the share of all their skills that both have.
    pub(crate) jaccard: f64,
    /// C: the same, weighted by category.
    pub(crate) cosine: f64,
    /// P: the share of what goes with the seeker's skills that the other has.
    pub(crate) related: f64,
    /// D: in how many categories the other is at home.
    pub(crate) diversity: f64,
    /// E: how alike their experience is.
    pub(crate) experience: f64,
}

impl Parts {
    /// Their weighted sum.
    pub(crate) fn score(&self) -> f64 {
        0.3 * self.jaccard + 0.25 * self.cosine + 0.2 * self.related + 0.15 * self.diversity + 0.1 * self.experience
    }
}

impl Holder {
    /// Of normalised skills; empty ones are none.
    pub(crate) fn new(mut names: Vec<String>, age: Option<i32>) -> Self {
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let skills: Vec<Skill> =
            names.into_iter().map(|name| Skill { category: skills::category(&name), name }).collect();
        let norm = skills.iter().map(Skill::squared).sum::<f64>().sqrt();
        let years = age.unwrap_or(UNKNOWN_AGE).saturating_sub(18).max(1);
        let experience = skills.len() as f64 * (f64::from(years) + 1.0).ln();
        Self { skills, experience, norm }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.skills.is_empty()
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.skills.iter().map(|skill| skill.name.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.skills.binary_search_by(|skill| skill.name.as_str().cmp(name)).is_ok()
    }

    /// The categories of the skills, each once.
    pub(crate) fn categories(&self) -> usize {
        let mut categories: Vec<_> = self.skills.iter().map(|skill| skill.category).collect();
        categories.sort_unstable();
        categories.dedup();
        categories.len()
    }
}

impl Skill {
    fn squared(&self) -> f64 {
        self.category.weight() * self.category.weight()
    }
}

impl Seeker {
    pub(crate) fn new(own: Holder) -> Self {
        let mut related: Vec<_> = own.names().flat_map(skills::related).copied().collect();
        related.sort_unstable();
        related.dedup();
        Self { own, related }
    }

    pub(crate) fn own(&self) -> &Holder {
        &self.own
    }

    /// The skills by which others are found: one's own, and then what goes with them, each once.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &str> {
        self.own.names().chain(self.related.iter().copied().filter(|name| !self.own.has(name))).take(MOST_WANTED)
    }

    /// The skills that both have, in order.
    pub(crate) fn shared<'a>(&'a self, other: &'a Holder) -> impl Iterator<Item = &'a str> {
        self.own.names().filter(|name| other.has(name))
    }

    /// The skills of the other that go with one's own, in order.
    pub(crate) fn complementing<'a>(&'a self, other: &'a Holder) -> impl Iterator<Item = &'static str> + 'a {
        self.related.iter().copied().filter(|name| other.has(name))
    }

    pub(crate) fn compare(&self, other: &Holder) -> Parts {
        let (own, other_count) = (&self.own, other.skills.len());
        let shared: Vec<&Skill> = own.skills.iter().filter(|skill| other.has(&skill.name)).collect();
        let union = own.skills.len() + other_count - shared.len();
        let dot: f64 = shared.iter().map(|skill| skill.squared()).sum();
        let (less, more) = (own.experience.min(other.experience), own.experience.max(other.experience));
        Parts {
            jaccard: share(shared.len() as f64, union as f64),
            cosine: share(dot, own.norm * other.norm),
            related: share(self.complementing(other).count() as f64, self.related.len() as f64),
            diversity: share(other.categories() as f64, DIVERSE),
            experience: share(less, more),
        }
    }
}

/// A share of nothing is none, and rounding makes none greater than one.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 }
}
