//! Users to meet: not oneself, and nobody with whom there is a request in either direction.
//!
//! No page reads all users. The plain feed is a range of the index over `_id`; the ranked one takes at most 1,000 candidates from the
//! index over `skillKeys` and `lastActiveAt`, which the plugin `auth` keeps. Both leave out whom one knows by a list of ids.

mod ranked;

use std::time::Duration;

use devconnect_sdk::bson::{Bson, Document};
use devconnect_sdk::prelude::*;

use crate::caller::{Caller, gone};
use crate::page;
use crate::request;
use crate::score::HIGH;
use crate::user::{self, Fields, SafeUser, Seeker, Tier, USERS};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Wanted {
    /// The first page is 1.
    #[serde(default = "first")]
    #[schemars(range(min = 1))]
    page: u32,
    /// How many users; what is more than the tier allows is cut.
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u32>,
    /// Ranked by skills.
    #[serde(default)]
    ml: bool,
}

/// So many users are skipped over at the most.
const FURTHEST: u32 = 100_000;

const fn first() -> u32 {
    1
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Feed {
    data: Vec<FeedUser>,
    recommendations: Recommendations,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeedUser {
    #[serde(flatten)]
    user: SafeUser,
    #[serde(flatten)]
    recommendation: Option<ranked::Recommendation>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Recommendations {
    /// All users that the feed without a ranking has; counting ends at 100,000.
    total_available: u64,
    returned: usize,
    page: u32,
    has_more: bool,
    tier: Tier,
    /// The limit that was applied.
    limit: u32,
    /// Whether these are ranked. Without skills of one's own nobody can be: then they are not.
    ml_enabled: bool,
    /// How many of these score above 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    high_match: Option<usize>,
}

/// One page, and whether another follows.
struct Page {
    users: Vec<FeedUser>,
    has_more: bool,
}

pub(crate) fn feed(Caller(me): Caller, Query(wanted): Query<Wanted>) -> Result<Json<Feed>, Problem> {
    let Wanted { page, limit, ml } = wanted;
    if page == 0 {
        return Err(Problem::invalid("page", "must be at least 1"));
    }
    // A limit that nobody could be given is nonsense before it is known who asks.
    page::limit(limit, 1, 1)?;
    let seeker: Seeker = user::get(me)?.ok_or_else(gone)?;
    let tier = seeker.membership_tier;
    let limit = page::limit(limit, 10, tier.users_a_page())?;
    let known = Known::of(me)?;
    let skip = (page - 1).saturating_mul(limit);

    let total_available = known.count_others()?;
    let ranking = if ml { ranked::seeker(&seeker) } else { None };
    let ml_enabled = ranking.is_some();
    let Page { users, has_more } = match ranking {
        // Nobody turns so many pages: whoever asks for them must not have them all skipped over.
        _ if skip > FURTHEST => Page { users: Vec::new(), has_more: false },
        Some(seeker) => ranked::page(&seeker, &known, skip, limit)?,
        None => plain(&known, skip, limit)?,
    };
    let high = |user: &FeedUser| user.recommendation.as_ref().is_some_and(|found| found.score() > HIGH);
    let high_match = ml_enabled.then(|| users.iter().filter(|user| high(user)).count());
    let returned = users.len();
    let recommendations =
        Recommendations { total_available, returned, page, has_more, tier, limit, ml_enabled, high_match };
    Ok(Json(Feed { data: users, recommendations }))
}

/// By `_id`, so that pages do not overlap while users sign up.
fn plain(known: &Known, skip: u32, limit: u32) -> Result<Page, Problem> {
    let query = USERS.of::<SafeUser>().find(doc! { "_id": known.left_out() });
    // One more than wanted tells whether there is a next page.
    let query = query.sort(doc! { "_id": 1 }).skip(skip).limit(limit + 1).projection(SafeUser::projection());
    let mut users = query.all()?;
    let has_more = users.len() > limit as usize;
    users.truncate(limit as usize);
    users.retain(|user| !known.has(user.id));
    let users = users.into_iter().map(|user| FeedUser { user, recommendation: None }).collect();
    Ok(Page { users, has_more })
}

/// Whom the feed leaves out: oneself, and who is in a request with one.
struct Known(Vec<Id>);

impl Known {
    /// The most that a query names: the list has half a megabyte then. Who knows more has some pages that are shorter.
    const NAMED: usize = 30_000;

    fn of(me: Id) -> Result<Self, Error> {
        let mut users = request::counterparts(me)?;
        if let Err(place) = users.binary_search(&me) {
            users.insert(place, me);
        }
        Ok(Self(users))
    }

    fn has(&self, user: Id) -> bool {
        self.0.binary_search(&user).is_ok()
    }

    /// The condition on `_id`.
    fn left_out(&self) -> Document {
        let named: Vec<Bson> = self.0.iter().take(Self::NAMED).map(|id| (*id).into()).collect();
        doc! { "$nin": named }
    }

    /// How many users there are beside these. To count reads the whole collection, so a number that nobody counts by hand is
    /// remembered for a minute; those who are left out are only subtracted.
    fn count_others(&self) -> Result<u64, Error> {
        const REMEMBERED: u64 = 1_000;
        /// Counting ends here: a number of this size says "many", and the page must not wait for a better one.
        const MANY: u64 = 100_000;
        const TOTAL: Key<u64> = Key::new("feed:users", Duration::from_secs(60));

        let remembered = TOTAL.get(()).unwrap_or_else(|error| {
            log::debug!("the cache is away, users are counted", cause = error);
            None
        });
        let total = match remembered {
            Some(total) => total,
            None => {
                let total = USERS.count_to(doc! {}, MANY)?;
                if total > REMEMBERED
                    && let Err(error) = TOTAL.set((), &total)
                {
                    log::debug!("the cache is away and was not told the number of users", cause = error);
                }
                total
            }
        };
        Ok(total.saturating_sub(self.0.len() as u64))
    }
}
