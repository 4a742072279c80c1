//! Medians.

/// The middle value; the mean of the two middle ones. 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(0.0);
    if sorted.len().is_multiple_of(2) {
        let lower = middle.checked_sub(1).and_then(|index| sorted.get(index)).copied().unwrap_or(upper);
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

/// The median of the ratios within each round.
pub(crate) fn median_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

/// The value below which `share` of the sorted values lie.
pub(crate) fn quantile(sorted: &[u32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = ((last as f64) * share).round() as usize;
    sorted.get(index).copied().map_or(0.0, f64::from)
}

/// Shuffles, with the system's randomness.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    for end in (1..items.len()).rev() {
        let mut bytes = [0; 8];
        if getrandom::fill(&mut bytes).is_err() {
            // Without randomness the order stays as it is: nothing that a measurement depends on.
            return;
        }
        let other = u64::from_le_bytes(bytes) % (end as u64 + 1);
        items.swap(end, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round was slow for both: the ratio is the same.
        assert!((median_ratio(&[90.0, 45.0], &[100.0, 50.0]) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let values: Vec<u32> = (0..=100).collect();
        assert!((quantile(&values, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.5) - 50.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).abs() < f64::EPSILON);
    }
}
