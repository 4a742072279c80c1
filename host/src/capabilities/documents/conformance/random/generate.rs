//! Few names and few values, so that filters meet documents and documents each other.

mod pipelines;

use bson::oid::ObjectId;
use bson::raw::{CString, RawArrayBuf};
use bson::{DateTime, RawBson, RawDocumentBuf, rawdoc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A collection's life.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) steps: Vec<Step>,
}

/// What is done to it. Where a store may choose among documents (the first that matches, documents of equal rank), the
/// step leaves no choice: stores may choose differently.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Insert(Vec<RawDocumentBuf>),
    UpdateMany(RawDocumentBuf, RawDocumentBuf),
    UpdateOne(i32, RawDocumentBuf, RawDocumentBuf),
    Upsert(i32, RawDocumentBuf),
    Replace(i32, RawDocumentBuf, bool),
    FindAndUpdate {
        filter: RawDocumentBuf,
        update: RawDocumentBuf,
        sort: RawDocumentBuf,
        projection: Option<RawDocumentBuf>,
        return_new: bool,
    },
    DeleteMany(RawDocumentBuf),
    Count(RawDocumentBuf, u64),
    Find {
        filter: RawDocumentBuf,
        sort: RawDocumentBuf,
        skip: u32,
        limit: u32,
        projection: Option<RawDocumentBuf>,
    },
    Index(RawDocumentBuf, bool, Option<RawDocumentBuf>),
    Aggregate(Vec<RawDocumentBuf>),
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    // There is something to find from the start: where there is no collection, MongoDB looks at no projection.
    (vec(document(), 1..8), vec(an_index(), 0..3), vec(step(), 1..14)).prop_map(|(documents, indexes, rest)| {
        let mut steps = vec![Step::Insert((0..).zip(documents).map(|(id, document)| with_id(id, &document)).collect())];
        steps.extend(indexes.into_iter().chain(rest));
        Case { steps }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => vec((id(), document()), 1..4).prop_map(|documents| {
            Step::Insert(documents.iter().map(|(id, document)| with_id(*id, document)).collect())
        }),
        3 => (filter(), update()).prop_map(|(filter, update)| Step::UpdateMany(filter, update)),
        4 => (id(), filter(), update()).prop_map(|(id, filter, update)| Step::UpdateOne(id, filter, update)),
        2 => (id(), update()).prop_map(|(id, update)| Step::Upsert(id, update)),
        1 => (id(), document(), any::<bool>()).prop_map(|(id, document, upsert)| Step::Replace(id, document, upsert)),
        2 => (filter(), update(), sort(), option::of(projection()), any::<bool>()).prop_map(
            |(filter, update, sort, projection, return_new)| {
                Step::FindAndUpdate { filter, update, sort, projection, return_new }
            }
        ),
        1 => filter().prop_map(Step::DeleteMany),
        1 => (filter(), 0_u64..4).prop_map(|(filter, limit)| Step::Count(filter, limit)),
        8 => (filter(), sort(), 0_u32..3, 0_u32..6, option::of(projection())).prop_map(
            |(filter, sort, skip, limit, projection)| Step::Find { filter, sort, skip, limit, projection }
        ),
        6 => pipelines::pipeline().prop_map(Step::Aggregate),
        4 => (planned(), sort(), 0_u32..3, 0_u32..6).prop_map(
            |(filter, sort, skip, limit)| Step::Find { filter, sort, skip, limit, projection: None }
        ),
        1 => an_index(),
    ]
}

fn an_index() -> impl Strategy<Value = Step> {
    (index(), prop::bool::weighted(0.2), option::weighted(0.3, partial()))
        .prop_map(|(keys, unique, partial)| Step::Index(keys, unique, partial))
}

fn id() -> impl Strategy<Value = i32> {
    0..12
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c"])
}

fn path() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "a", "b", "c", "a.b", "a.0", "b.c", "a.b.c", "a.0.b", "c.1", "b.a"])
}

fn scalar() -> impl Strategy<Value = RawBson> {
    select(vec![
        RawBson::Null,
        RawBson::Boolean(false),
        RawBson::Boolean(true),
        RawBson::Int32(-1),
        RawBson::Int32(0),
        RawBson::Int32(1),
        RawBson::Int32(2),
        RawBson::Int32(i32::MAX),
        RawBson::Int64(1),
        RawBson::Int64(3),
        RawBson::Int64(9_007_199_254_740_993),
        RawBson::Double(0.0),
        RawBson::Double(1.0),
        RawBson::Double(1.5),
        RawBson::Double(9_007_199_254_740_992.0),
        RawBson::Double(f64::INFINITY),
        RawBson::Double(f64::NAN),
        RawBson::String(String::new()),
        RawBson::String("a".to_owned()),
        RawBson::String("ab".to_owned()),
        RawBson::String("b".to_owned()),
        RawBson::DateTime(DateTime::from_millis(0)),
        RawBson::DateTime(DateTime::from_millis(1_000)),
        RawBson::ObjectId(ObjectId::from_bytes([1; 12])),
        RawBson::ObjectId(ObjectId::from_bytes([2; 12])),
        RawBson::MinKey,
        RawBson::MaxKey,
    ])
}

fn value() -> impl Strategy<Value = RawBson> {
    let scalar = prop_oneof![
        9 => scalar(),
        1 => vec(any::<u8>(), 0..3).prop_map(|bytes| {
            RawBson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes })
        }),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|elements| RawBson::Array(array(elements))),
            vec((name(), inner), 0..3).prop_map(|fields| RawBson::Document(fields_of(fields))),
        ]
    })
}

fn array(elements: Vec<RawBson>) -> RawArrayBuf {
    let mut array = RawArrayBuf::new();
    for element in elements {
        array.push(element);
    }
    array
}

/// The fields, each name once.
fn fields_of<N: AsRef<str>>(fields: Vec<(N, RawBson)>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    let mut names = Vec::new();
    for (name, value) in fields {
        let name = name.as_ref().to_owned();
        if !names.contains(&name) {
            document.append(CString::try_from(name.as_str()).unwrap(), value);
            names.push(name);
        }
    }
    document
}

fn document() -> impl Strategy<Value = RawDocumentBuf> {
    vec((name(), value()), 0..4).prop_map(fields_of)
}

fn with_id(id: i32, document: &RawDocumentBuf) -> RawDocumentBuf {
    let mut whole = rawdoc! { "_id": id };
    for (name, value) in document.iter().flatten() {
        whole.append(name, value);
    }
    whole
}

fn filter() -> impl Strategy<Value = RawDocumentBuf> {
    let condition = prop_oneof![
        4 => (path(), operator()).prop_map(|(path, operator)| fields_of(vec![(path, operator)])),
        1 => (id(), select(vec!["$gt", "$lte", "$ne"])).prop_map(|(id, operator)| {
            fields_of(vec![("_id", RawBson::Document(fields_of(vec![(operator, RawBson::Int32(id))])))])
        }),
        1 => Just(RawDocumentBuf::new()),
    ];
    condition.prop_recursive(2, 6, 3, |inner| {
        (select(vec!["$and", "$or", "$nor"]), vec(inner, 1..3)).prop_map(|(operator, filters)| {
            let filters = filters.into_iter().map(RawBson::Document).collect();
            fields_of(vec![(operator, RawBson::Array(array(filters)))])
        })
    })
}

/// What indexes answer: several values, ranges and branches of one or two fields.
fn planned() -> impl Strategy<Value = RawDocumentBuf> {
    let path = || select(vec!["a", "a", "b", "c", "a.b", "b.c"]);
    let operator = prop_oneof![
        3 => vec(scalar(), 1..5).prop_map(|values| ("$in", RawBson::Array(array(values)))),
        2 => scalar().prop_map(|value| ("$eq", value)),
        2 => (select(vec!["$gt", "$gte", "$lt", "$lte"]), scalar()),
    ];
    let field = (path(), operator)
        .prop_map(|(path, operator)| fields_of(vec![(path, RawBson::Document(fields_of(vec![operator])))]));
    let operator = select(vec!["$and", "$or"]);
    prop_oneof![
        2 => field.clone(),
        3 => (operator, vec(field.clone(), 1..4), option::of(field)).prop_map(|(operator, filters, other)| {
            let filters = filters.into_iter().map(RawBson::Document).collect();
            let mut whole = fields_of(vec![(operator, RawBson::Array(array(filters)))]);
            for (name, value) in other.iter().flat_map(|other| other.iter().flatten()) {
                whole.append(name, value);
            }
            whole
        }),
    ]
}

/// What is asked of one field.
fn operator() -> impl Strategy<Value = RawBson> {
    let one = prop_oneof![
        6 => (select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), value()),
        2 => (select(vec!["$in", "$nin", "$all"]), vec(value(), 0..3).prop_map(|values| RawBson::Array(array(values)))),
        1 => (Just("$exists"), select(vec![RawBson::Boolean(true), RawBson::Boolean(false), RawBson::Int32(1)])),
        1 => (Just("$size"), (0..4).prop_map(RawBson::Int32)),
        1 => (Just("$type"), select(vec!["number", "int", "string", "array", "object", "null", "bool"])
            .prop_map(|name| RawBson::String(name.to_owned()))),
        1 => (Just("$regex"), select(vec!["a", "^a", "^ab?", "b$", "^$", "[^a]", "A"])
            .prop_map(|pattern| RawBson::String(pattern.to_owned()))),
    ];
    let operators = vec(one, 1..3).prop_map(|operators| RawBson::Document(fields_of(operators)));
    let inner = operators.clone();
    let nested = (select(vec!["$not", "$elemMatch"]), inner)
        .prop_map(|(name, inner)| RawBson::Document(fields_of(vec![(name, inner)])));
    let element = (name(), value()).prop_map(|field| {
        RawBson::Document(fields_of(vec![("$elemMatch", RawBson::Document(fields_of(vec![field])))]))
    });
    prop_oneof![3 => value(), 6 => operators, 2 => nested, 1 => element]
}

fn update() -> impl Strategy<Value = RawDocumentBuf> {
    let plain = (
        select(vec!["$set", "$set", "$setOnInsert", "$min", "$max", "$push", "$addToSet", "$pull", "$inc", "$mul"]),
        path(),
        value(),
    );
    let number = (select(vec!["$inc", "$mul"]), path(), (-2..3).prop_map(RawBson::Int32));
    let other = prop_oneof![
        (Just("$unset"), path(), Just(RawBson::String(String::new()))),
        (Just("$pop"), path(), select(vec![RawBson::Int32(1), RawBson::Int32(-1)])),
        (Just("$pullAll"), path(), vec(value(), 0..3).prop_map(|values| RawBson::Array(array(values)))),
        (Just("$rename"), path(), select(vec!["d", "a", "b.a"]).prop_map(|name| RawBson::String(name.to_owned()))),
        (Just("$pull"), path(), operator()),
        (
            select(vec!["$push", "$addToSet"]),
            path(),
            vec(value(), 0..3)
                .prop_map(|values| { RawBson::Document(fields_of(vec![("$each", RawBson::Array(array(values)))])) })
        ),
        (
            Just("$push"),
            path(),
            (vec(value(), 0..3), -3_i32..4, -3_i32..4, select(vec![1, -1])).prop_map(
                |(values, position, slice, sort)| {
                    RawBson::Document(fields_of(vec![
                        ("$each", RawBson::Array(array(values))),
                        ("$position", RawBson::Int32(position)),
                        ("$slice", RawBson::Int32(slice)),
                        ("$sort", RawBson::Int32(sort)),
                    ]))
                }
            )
        ),
    ];
    let change = prop_oneof![5 => plain, 2 => number, 3 => other];
    vec(change, 1..4).prop_map(|changes| {
        let mut operators: Vec<(&str, Vec<(&str, RawBson)>)> = Vec::new();
        for (operator, path, value) in changes {
            match operators.iter_mut().find(|(other, _)| *other == operator) {
                Some((_, fields)) => fields.push((path, value)),
                None => operators.push((operator, vec![(path, value)])),
            }
        }
        fields_of(operators.into_iter().map(|(name, fields)| (name, RawBson::Document(fields_of(fields)))).collect())
    })
}

/// An order without equals.
fn sort() -> impl Strategy<Value = RawDocumentBuf> {
    // No positions in arrays: beside another array MongoDB refuses them as parallel, where the embedded store answers.
    let path = select(vec!["a", "b", "c", "a.b", "b.c", "a.b.c", "b.a"]);
    vec((path, select(vec![RawBson::Int32(1), RawBson::Int32(-1)])), 0..3).prop_map(|mut fields| {
        fields.push(("_id", RawBson::Int32(1)));
        fields_of(fields)
    })
}

fn projection() -> impl Strategy<Value = RawDocumentBuf> {
    (vec(path(), 0..3), any::<bool>(), option::of(any::<bool>())).prop_map(|(paths, keep, id)| {
        let value = |keep: bool| RawBson::Int32(i32::from(keep));
        let mut fields: Vec<(&str, RawBson)> = paths.into_iter().map(|path| (path, value(keep))).collect();
        fields.extend(id.map(|id| ("_id", value(id))));
        fields_of(fields)
    })
}

fn index() -> impl Strategy<Value = RawDocumentBuf> {
    vec((select(vec!["a", "b", "c", "a.b", "b.c"]), select(vec![RawBson::Int32(1), RawBson::Int32(-1)])), 1..3)
        .prop_map(fields_of)
}

/// Which documents an index is about.
fn partial() -> impl Strategy<Value = RawDocumentBuf> {
    let operator = prop_oneof![
        Just(("$exists", RawBson::Boolean(true))),
        (select(vec!["$eq", "$gt", "$gte", "$lt", "$lte"]), scalar()),
        select(vec!["number", "string", "objectId"]).prop_map(|kind| ("$type", RawBson::String(kind.to_owned()))),
    ];
    (select(vec!["a", "b", "a.b"]), operator)
        .prop_map(|(path, operator)| fields_of(vec![(path, RawBson::Document(fields_of(vec![operator])))]))
}
