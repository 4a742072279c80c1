//! The feed ranked by skills.
//!
//! Candidates come with what the ranking looks at and no more; the rest is read for those on the page alone.

use devconnect_sdk::bson::Bson;
use devconnect_sdk::prelude::*;

use super::{FeedUser, Known, Page};
use crate::score::{Holder, Parts, RECOMMENDED, Seeker};
use crate::user::{self, Candidate, Fields, SafeUser, USERS};
use crate::{score, skills};

/// The most candidates that are ranked, the most recently active.
const CANDIDATES: u32 = 1_000;

/// Why somebody is recommended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recommendation {
    recommendation_score: f64,
    recommendation_reasoning: Vec<String>,
    score_breakdown: Breakdown,
}

impl Recommendation {
    pub(super) fn score(&self) -> f64 {
        self.recommendation_score
    }
}

/// The parts of the score, each from 0 to 1.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Breakdown {
    /// The share of all skills of both that both have.
    jaccard: f64,
    /// The same, weighted by category.
    cosine: f64,
    /// The share of what goes with one's own skills that the other has.
    related: f64,
    /// In how many categories the other is at home.
    diversity: f64,
    /// How alike the experience is.
    experience: f64,
}

impl From<Parts> for Breakdown {
    fn from(parts: Parts) -> Self {
        let Parts { jaccard, cosine, related, diversity, experience } = parts;
        Self { jaccard, cosine, related, diversity, experience }
    }
}

/// Somebody with a place in the ranking.
struct Placed {
    id: Id,
    holder: Holder,
    parts: Parts,
    score: f64,
}

/// Whom to rank for; `None` without skills.
pub(super) fn seeker(user: &user::Seeker) -> Option<Seeker> {
    let own = Holder::new(user.skills.iter().map(|skill| skills::normal(skill)).collect(), user.age);
    (!own.is_empty()).then(|| Seeker::new(own))
}

pub(super) fn page(seeker: &Seeker, known: &Known, skip: u32, limit: u32) -> Result<Page, Problem> {
    let mut placed = candidates(seeker, known)?;
    placed.sort_by(|left, right| right.score.total_cmp(&left.score).then_with(|| left.id.cmp(&right.id)));
    let has_more = placed.len() as u64 > u64::from(skip) + u64::from(limit);
    let placed: Vec<Placed> = placed.into_iter().skip(skip as usize).take(limit as usize).collect();
    let ids: Vec<Id> = placed.iter().map(|placed| placed.id).collect();
    let mut users = user::by_id::<SafeUser>(&ids)?;
    let users = placed.into_iter().filter_map(|placed| {
        let user = users.remove(&placed.id)?;
        let recommendation = Some(Recommendation {
            recommendation_reasoning: reasons(seeker, &placed),
            recommendation_score: placed.score,
            score_breakdown: placed.parts.into(),
        });
        Some(FeedUser { user, recommendation })
    });
    Ok(Page { users: users.collect(), has_more })
}

/// Who has one of the wanted skills, and scores high enough.
fn candidates(seeker: &Seeker, known: &Known) -> Result<Vec<Placed>, Error> {
    let wanted: Vec<Bson> = seeker.wanted().map(Bson::from).collect();
    let found = USERS
        .of::<Candidate>()
        .find(doc! { "skillKeys": { "$in": wanted }, "_id": known.left_out() })
        // The index has each skill's users in this order: the store merges them, and stops at the limit.
        .sort(doc! { "lastActiveAt": -1 })
        .limit(CANDIDATES)
        .projection(Candidate::projection())
        .all()?;
    let placed = found.into_iter().filter(|candidate| !known.has(candidate.id)).map(|candidate| {
        let holder = Holder::new(candidate.skill_keys, candidate.age);
        let parts = seeker.compare(&holder);
        Placed { id: candidate.id, score: parts.score(), holder, parts }
    });
    Ok(placed.filter(|placed| placed.score >= RECOMMENDED).collect())
}

/// In sentences, the strongest reason first.
fn reasons(seeker: &Seeker, placed: &Placed) -> Vec<String> {
    let Placed { holder, parts, .. } = placed;
    let mut reasons = Vec::new();
    let shared: Vec<&str> = seeker.shared(holder).collect();
    if !shared.is_empty() {
        reasons.push(format!("You both know {}.", listed(&shared)));
    }
    let complementing: Vec<&str> = seeker.complementing(holder).filter(|skill| !seeker.own().has(skill)).collect();
    if !complementing.is_empty() {
        let go = if complementing.len() == 1 { "goes" } else { "go" };
        reasons.push(format!("Knows {}, which {go} with your skills.", listed(&complementing)));
    }
    let categories = holder.categories();
    if categories >= 3 {
        reasons.push(format!("Is at home in {categories} areas."));
    }
    if parts.experience >= 0.8 {
        reasons.push("Has about as much experience as you.".to_owned());
    }
    if reasons.is_empty() || parts.score() > score::HIGH {
        reasons.push(format!("Your skills match by {:.0} %.", parts.score() * 100.0));
    }
    reasons
}

/// Some of them in words.
fn listed(skills: &[&str]) -> String {
    const MOST: usize = 4;
    match skills {
        [one] => (*one).to_owned(),
        [all @ .., last] if skills.len() <= MOST => format!("{} and {last}", all.join(", ")),
        _ => {
            let some: Vec<&str> = skills.iter().take(MOST).copied().collect();
            format!("{} and {} more", some.join(", "), skills.len() - some.len())
        }
    }
}
