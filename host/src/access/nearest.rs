//! What somebody probably meant: for messages about names that are not known.

/// The known name that was probably meant by `name`: at most a third of it mistyped, as rustc has it.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Beyond any name of ours; the comparison takes time by its square.
    const LONGEST: usize = 128;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let most = name.chars().count().max(3) / 3;
    known
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
