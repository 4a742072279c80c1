//! One suite for every cache: each behaviour is written once against the trait and run on the host's memory, on a real
//! Redis and on one behind a near cache; [`random`] compares them on random sequences.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Backend;
use super::memory::{self, Memory, SystemClock};
use crate::capabilities::error::Result;

mod batches;
mod collections;
mod lives;
mod random;
mod values;
mod weights;

/// A cache, and keys in it that nobody else uses.
struct Cache {
    backend: Arc<dyn Backend>,
    prefix: String,
    keys: Mutex<Vec<String>>,
}

impl Cache {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let prefix = format!("conformance:{}:", uuid::Uuid::new_v4().simple());
        Self { backend, prefix, keys: Mutex::default() }
    }

    fn memory() -> Self {
        // Room for keys above the limit of an answer.
        let config = memory::Config { budget: 256 << 20, ..memory::Config::default() };
        Self::new(Arc::new(Memory::new(config, Arc::new(SystemClock::default()))))
    }

    fn redis() -> Self {
        Self::new(Arc::new(super::redis::tests::shared()))
    }

    /// Redis behind a near cache that holds whatever this run reads.
    async fn near() -> Self {
        let near = super::near::tests::held_from("conformance:*").await;
        Self::new(Arc::new(near))
    }

    /// A key of this run, remembered to be deleted.
    fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.prefix);
        self.keys.lock().push(key.clone());
        key
    }

    async fn clean(self) {
        let mut keys = self.keys.into_inner();
        keys.sort();
        keys.dedup();
        for keys in keys.chunks(500) {
            self.backend.delete(keys).await.unwrap();
        }
    }
}

impl std::ops::Deref for Cache {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.backend
    }
}

const HOUR: Option<Duration> = Some(Duration::from_secs(3_600));

fn all(values: &[&'static str]) -> Vec<Bytes> {
    values.iter().map(|value| Bytes::from(*value)).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The case of the error that a call must end with.
fn case<T: std::fmt::Debug>(answer: Result<T>) -> &'static str {
    answer.unwrap_err().case()
}

/// True if about an hour is left.
fn an_hour(life: Option<Duration>) -> bool {
    life.is_some_and(|life| life > Duration::from_secs(3_000) && Some(life) <= HOUR)
}

macro_rules! suite {
    ($($module:ident::$behaviour:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let cache = super::Cache::memory();
                    super::$module::$behaviour(&cache).await;
                    cache.clean().await;
                }
            )+
        }

        mod real {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let cache = super::Cache::redis();
                    super::$module::$behaviour(&cache).await;
                    cache.clean().await;
                }
            )+

            mod near {
                $(
                    #[tokio::test]
                    async fn $behaviour() {
                        let cache = super::super::Cache::near().await;
                        super::super::$module::$behaviour(&cache).await;
                        cache.clean().await;
                    }
                )+
            }
        }
    };
}

suite! {
    values::what_is_set_is_read,
    values::set_replaces_any_type_and_its_life,
    values::set_if_absent_needs_an_absent_key,
    values::compare_and_set_needs_what_it_expects,
    values::increment_counts_in_64_bits,
    values::increment_takes_one_spelling_of_a_number,
    values::delete_counts_what_existed,
    values::every_function_refuses_a_key_of_another_type,
    values::large_values_and_strange_keys_pass,
    lives::a_life_ends,
    lives::a_life_is_told,
    lives::an_increment_sets_the_life_of_a_new_key_only,
    lives::collections_renew_their_life_if_one_is_given,
    lives::what_changes_nothing_leaves_the_life,
    collections::a_list_is_pushed_in_front_and_kept_short,
    collections::a_list_is_read_from_both_ends,
    collections::a_set_has_each_member_once,
    collections::a_sorted_set_is_read_by_score_and_then_by_bytes,
    collections::scores_have_all_values_but_one,
    collections::a_hash_has_fields,
    collections::a_hash_counts,
    collections::nothing_to_add_changes_nothing,
    collections::an_empty_collection_is_gone,
    collections::ten_thousand_are_answered_and_one_more_is_not,
    batches::each_command_has_its_own_answer,
    batches::commands_run_in_order,
    batches::an_empty_batch_is_empty,
    weights::a_collection_of_eight_mebibytes_is_answered_and_no_more,
    weights::a_field_that_is_asked_for_again_counts_again,
    weights::a_batch_reads_eight_mebibytes_and_refuses_what_is_above,
    weights::a_batch_of_many_reads_keeps_its_order,
}
