//! `$group`, `$count` and `$sortByCount`: documents that have a value in common become one.

use std::collections::HashMap;

use bson::raw::CString;
use bson::{RawBson, RawDocument, RawDocumentBuf};

use super::super::super::query::key;
use super::super::watch::Meter;
use super::Ledger;
use super::accumulate::{Accumulator, Kept};
use super::expression::{Expression, Scope, checked_name, expression, weight};
use crate::capabilities::error::{Error, Result};

/// What a group adds to the bytes of its values.
const OVERHEAD: usize = 128;

/// What documents are grouped by, and what is kept of them.
#[derive(Debug, Clone)]
pub(super) struct Group {
    id: Expression,
    fields: Vec<(CString, Accumulator)>,
    /// Whether the answer says what they have in common.
    shows_id: bool,
}

/// The groups so far, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Groups {
    places: HashMap<Vec<u8>, usize>,
    all: Vec<(RawBson, Vec<Kept>)>,
}

impl Group {
    pub(super) fn parse(spec: &RawDocument) -> Result<Self> {
        let mut id = None;
        let mut fields: Vec<(CString, Accumulator)> = Vec::new();
        for (name, value) in spec.iter().flatten() {
            let key = checked_name(name.as_str())?;
            if name.as_str() == "_id" {
                id = Some(expression(value, &[])?);
            } else if fields.iter().any(|(known, _)| *known == key) {
                return Err(Error::invalid(format!("the $group has `{}` twice", name.as_str())));
            } else {
                fields.push((key, Accumulator::parse(name.as_str(), value)?));
            }
        }
        let id = id.ok_or_else(|| Error::invalid("a $group needs `_id`: what to group by, or null for one group"))?;
        Ok(Self { id, fields, shows_id: true })
    }

    /// `$count`: how many there are, in the field `name`.
    pub(super) fn count(name: &str) -> Result<Self> {
        let fields = vec![(checked_name(name)?, Accumulator::count())];
        Ok(Self { id: Expression::Constant(RawBson::Null), fields, shows_id: false })
    }

    /// The first half of `$sortByCount`.
    pub(super) fn counted_by(id: Expression) -> Result<Self> {
        Ok(Self { id, fields: vec![(checked_name("count")?, Accumulator::count())], shows_id: true })
    }

    pub(super) fn add(
        &self,
        groups: &mut Groups,
        document: &RawDocument,
        meter: &Meter<'_>,
        ledger: &mut Ledger,
    ) -> Result<()> {
        let scope = Scope::of(document, meter);
        let id = self.id.evaluate(&scope)?.unwrap_or(RawBson::Null);
        let key = key::encode_one(id.as_raw_bson_ref());
        let place = match groups.places.get(&key) {
            Some(place) => *place,
            None => {
                ledger.take(key.len() + weight(&id) + OVERHEAD * (self.fields.len() + 1))?;
                let kept = self.fields.iter().map(|(_, accumulator)| accumulator.begin()).collect();
                groups.all.push((id, kept));
                groups.places.insert(key, groups.all.len() - 1);
                groups.all.len() - 1
            }
        };
        let Some((_, kept)) = groups.all.get_mut(place) else { return Ok(()) };
        for ((_, accumulator), kept) in self.fields.iter().zip(kept) {
            ledger.take(accumulator.add(kept, &scope)?)?;
        }
        Ok(())
    }

    /// The groups as documents.
    pub(super) fn end(&self, groups: &mut Groups) -> impl Iterator<Item = RawDocumentBuf> {
        groups.places.clear();
        std::mem::take(&mut groups.all).into_iter().map(|(id, kept)| {
            let mut document = RawDocumentBuf::new();
            if self.shows_id {
                document.append(bson::raw::cstr!("_id"), id);
            }
            for ((name, accumulator), kept) in self.fields.iter().zip(kept) {
                document.append(name, accumulator.end(kept));
            }
            document
        })
    }
}
