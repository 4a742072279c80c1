//! What the load sends: one request again and again, or one of many.

use super::Plan;
use anyhow::{Context as _, ensure};

/// The requests of a plan, and which of them is next.
pub(super) struct Requests {
    all: Vec<Vec<u8>>,
    choice: Choice,
    random: Random,
}

enum Choice {
    /// One after the other, from where this run happens to begin.
    Turn(usize),
    /// By Zipf's law: how likely each is or one before it, ascending to 1.
    Zipf(Vec<f64>),
}

impl Requests {
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Self> {
        let all = match &plan.each {
            None => vec![request(plan, None)],
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                text.lines().map(|line| request(plan, Some(line))).collect()
            }
        };
        ensure!(!all.is_empty(), "nothing to send");
        let mut random = Random::new();
        let choice = match plan.zipf {
            Some(exponent) => Choice::Zipf(cumulative(all.len(), exponent)),
            None => Choice::Turn((random.share() * all.len() as f64) as usize),
        };
        Ok(Self { all, choice, random })
    }

    pub(super) fn next(&mut self) -> &[u8] {
        let index = match &mut self.choice {
            Choice::Turn(next) => {
                *next = (*next + 1) % self.all.len();
                *next
            }
            Choice::Zipf(cumulative) => {
                let share = self.random.share();
                cumulative.partition_point(|upper| *upper < share).min(self.all.len() - 1)
            }
        };
        self.all.get(index).map_or(&[], Vec::as_slice)
    }
}

fn request(plan: &Plan, header: Option<&str>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", plan.method, plan.target, plan.address);
    for header in plan.header.iter().map(String::as_str).chain(header) {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let body = plan.body.as_deref().unwrap_or_default();
    if plan.body.is_some() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    head.push_str(body);
    head.into_bytes()
}

fn cumulative(length: usize, exponent: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums: Vec<f64> = (1..=length)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect();
    for value in &mut sums {
        *value /= sum;
    }
    sums
}

/// xorshift64*: quick, and good enough to choose requests.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let mut bytes = [0; 8];
        // Without the system's randomness every run chooses alike, which a measurement survives.
        let _ = getrandom::fill(&mut bytes);
        Self(u64::from_le_bytes(bytes) | 1)
    }

    /// From 0 up to 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_users_make_most_requests() {
        let sums = cumulative(100_000, 0.99);
        assert!(sums.is_sorted());
        assert!(sums.last().is_some_and(|last| (last - 1.0).abs() < 1e-9));
        // By Zipf's law with 0.99 the first percent of 100,000 makes a good half of the requests.
        let share = sums.get(999).copied().unwrap_or_default();
        assert!((0.55..0.70).contains(&share), "{share}");
    }

    #[test]
    fn shares_are_spread_over_all_of_0_to_1() {
        let mut random = Random::new();
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            if let Some(tenth) = tenths.get_mut((random.share() * 10.0) as usize) {
                *tenth += 1;
            }
        }
        assert_eq!(tenths.iter().sum::<i32>(), 10_000);
        assert!(tenths.iter().all(|tenth| (800..1200).contains(tenth)), "{tenths:?}");
    }
}
