//! Pipelines. At most one stage computes, behind an order without equals: which document a wrong value is met in, and
//! whether at all, is otherwise the store's choice.

use super::*;

pub(super) fn pipeline() -> impl Strategy<Value = Vec<RawDocumentBuf>> {
    let cut = prop_oneof![
        2 => Just(Vec::new()),
        1 => (1..4).prop_map(|count| vec![rawdoc! { "$limit": count }]),
        1 => (0..3, 1..6).prop_map(|(skip, limit)| vec![rawdoc! { "$skip": skip }, rawdoc! { "$limit": limit }]),
    ];
    (option::of(filter()), sort(), cut, option::of(unwind()), option::of(computing())).prop_map(
        |(filter, sort, cut, unwind, computing)| {
            let mut stages: Vec<RawDocumentBuf> =
                filter.into_iter().map(|filter| rawdoc! { "$match": filter }).collect();
            stages.push(rawdoc! { "$sort": sort });
            stages.extend(cut);
            // A field that an $unwind left out keeps its place in MongoDB until it is computed anew.
            let leaves_out = unwind.as_ref().is_some_and(|(_, preserve)| *preserve);
            stages.extend(unwind.map(|(unwind, _)| unwind));
            let computing = computing.filter(|stages| !(leaves_out && is_shape(stages)));
            stages.extend(computing.into_iter().flatten());
            stages
        },
    )
}

fn is_shape(stages: &[RawDocumentBuf]) -> bool {
    stages
        .iter()
        .flat_map(|stage| stage.iter().flatten())
        .any(|(name, _)| matches!(name.as_str(), "$project" | "$addFields"))
}

/// And whether it shows documents without elements.
fn unwind() -> impl Strategy<Value = (RawDocumentBuf, bool)> {
    (select(vec!["$a", "$b", "$a.b"]), any::<bool>(), any::<bool>()).prop_map(|(path, preserve, numbered)| {
        let mut unwind = rawdoc! { "path": path, "preserveNullAndEmptyArrays": preserve };
        if numbered {
            unwind.append(bson::raw::cstr!("includeArrayIndex"), "c");
        }
        (rawdoc! { "$unwind": unwind }, preserve)
    })
}

fn computing() -> impl Strategy<Value = Vec<RawDocumentBuf>> {
    let target = || select(vec!["a", "b", "x", "a.b", "b.x", "x.y"]);
    let shape = (select(vec!["$project", "$addFields"]), target(), expression(), option::of(select(vec!["c", "b.c"])))
        .prop_map(|(stage, target, expression, kept)| {
            let mut fields = vec![(target, expression)];
            // In $addFields it is a field to set.
            fields.extend(kept.filter(|kept| !kept.starts_with(target)).map(|kept| (kept, RawBson::Int32(1))));
            let clash = target.starts_with('b') && fields.len() > 1;
            fields.truncate(if clash { 1 } else { 2 });
            vec![fields_of(vec![(stage, RawBson::Document(fields_of(fields)))])]
        });
    let accumulator = (select(vec!["$sum", "$avg", "$min", "$max", "$first", "$last", "$push"]), operand())
        .prop_map(|(name, of)| RawBson::Document(fields_of(vec![(name, of)])));
    let group = (operand(), vec(accumulator, 0..4)).prop_map(|(by, accumulators)| {
        let kind = RawBson::Document(fields_of(vec![("$type", by)]));
        let mut fields = vec![("_id", kind), ("n", RawBson::Document(rawdoc! { "$count": {} }))];
        fields.extend(["p", "q", "r"].into_iter().zip(accumulators));
        let group = fields_of(vec![("$group", RawBson::Document(fields_of(fields)))]);
        vec![group, rawdoc! { "$sort": { "_id": 1 } }]
    });
    let count = Just(vec![rawdoc! { "$count": "n" }]);
    prop_oneof![4 => shape, 2 => group, 1 => count]
}

/// The path of a field, or a value.
fn operand() -> impl Strategy<Value = RawBson> {
    prop_oneof![
        3 => select(vec!["$a", "$b", "$c", "$_id", "$a.b", "$b.c"]).prop_map(|path| RawBson::String(path.to_owned())),
        1 => scalar(),
    ]
}

/// Of constants only numbers: MongoDB moves constants behind the other operands, and whether a null hides what is wrong
/// with another one depends on which comes first.
fn expression() -> impl Strategy<Value = RawBson> {
    let operand = operand().prop_filter("a constant that is no number", |operand| {
        matches!(operand, RawBson::String(path) if path.starts_with('$'))
            || matches!(operand, RawBson::Int32(_) | RawBson::Int64(_) | RawBson::Double(_))
    });
    operand.prop_recursive(2, 6, 2, |inner| {
        let one = select(vec!["$isArray", "$type", "$not", "$sum", "$min", "$max", "$size", "$first", "$abs"]);
        let two = select(vec![
            "$add",
            "$subtract",
            "$multiply",
            "$divide",
            "$mod",
            "$eq",
            "$gt",
            "$lte",
            "$cmp",
            "$ifNull",
            "$and",
            "$or",
            "$in",
            "$concatArrays",
            "$concat",
            "$arrayElemAt",
            "$mergeObjects",
            "$max",
            "$sum",
        ]);
        prop_oneof![
            1 => (one, inner.clone()).prop_map(|(name, of)| {
                RawBson::Document(fields_of(vec![(name, RawBson::Array(array(vec![of])))]))
            }),
            3 => (two, inner.clone(), inner.clone()).prop_map(|(name, left, right)| {
                RawBson::Document(fields_of(vec![(name, RawBson::Array(array(vec![left, right])))]))
            }),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(case, then, otherwise)| {
                RawBson::Document(fields_of(vec![("$cond", RawBson::Array(array(vec![case, then, otherwise])))]))
            }),
        ]
    })
}
