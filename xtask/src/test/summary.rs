//! The sum of what several test programs report.

use std::fmt;

/// What all `test result:` lines of a run add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Summary {
    /// Takes in one line of output.
    pub(super) fn read(&mut self, line: &str) {
        let line = without_colour(line);
        let line = line.trim();
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(Ok(number)), Some(kind)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
            match kind {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                // "measured" and "filtered out" are no results.
                _ => {}
            }
        }
    }

    /// The names of the tests that failed, as far as they were printed on a line of their own.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Why the run is not a success, if it is not.
    pub(super) fn trouble(&self, exited_well: bool, filter: Option<&str>) -> Option<String> {
        match (self.failed, self.passed, filter) {
            (1.., _, _) => Some(format!("{} of {} tests failed", self.failed, self.failed + self.passed)),
            (0, _, _) if !exited_well => {
                Some("the tests were not built or a test program ended early: its messages are above".to_owned())
            }
            (0, 0, Some(filter)) => Some(format!("no test has `{filter}` in its name")),
            (0, 0, None) => Some("no test was run".to_owned()),
            (0, 1.., _) => None,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(formatter, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The text without escape sequences for colours, which `CARGO_TERM_COLOR=always` puts into results.
fn without_colour(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            // A sequence ends at its first letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(output: &str) -> Summary {
        let mut summary = Summary::default();
        output.lines().for_each(|line| summary.read(line));
        summary
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let summary = of("running 3 tests\n\
             test one ... ok\n\
             test two ... FAILED\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.02s\n\
             \n\
             test result: \x1b[32mok\x1b[m. 7 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.2s\n");
        assert_eq!(summary.to_string(), "9 passed, 1 failed, 2 skipped");
        assert_eq!(summary.failures(), ["two"]);
        assert_eq!(summary.trouble(false, None).unwrap(), "1 of 10 tests failed");
    }

    #[test]
    fn a_good_run_has_no_trouble_and_a_short_line() {
        let summary = of("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s");
        assert_eq!(summary.to_string(), "5 passed, 0 failed");
        assert_eq!(summary.trouble(true, None), None);
    }

    #[test]
    fn a_run_that_tested_nothing_is_no_success() {
        let nothing = of("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0s");
        assert!(nothing.trouble(true, Some("typo")).unwrap().contains("`typo`"));
        assert!(nothing.trouble(true, None).is_some());
    }

    #[test]
    fn a_program_that_died_is_trouble_although_nothing_failed() {
        let summary = of("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s");
        assert!(summary.trouble(false, None).unwrap().contains("ended early"));
    }

    #[test]
    fn what_a_test_prints_is_no_result() {
        assert_eq!(of("the test result: ok. 5 passed; 0 failed"), Summary::default());
    }
}
