//! The rules for what users type. Texts are tidied first: what is checked is what is stored.

use devconnect_sdk::FieldError;
use devconnect_sdk::prelude::*;

use crate::user::GENDERS;

/// A value in its stored form, or what is wrong with it.
pub(crate) type Checked<T> = Result<T, &'static str>;

/// Collects what is wrong, so that the answer names every field.
#[derive(Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    /// The value if it is right; otherwise the field is named.
    pub(crate) fn take<T>(&mut self, field: &str, checked: Result<T, impl Into<String>>) -> Option<T> {
        checked.map_err(|message| self.0.push(FieldError { field: field.to_owned(), message: message.into() })).ok()
    }

    /// The problem, if anything is wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid_fields(self.0)) }
    }
}

pub(crate) fn first_name(text: &str) -> Checked<String> {
    const WRONG: &str = "must have 2 to 50 characters";
    name(text, WRONG)
}

/// Empty stays empty.
pub(crate) fn last_name(text: &str) -> Checked<String> {
    const WRONG: &str = "must have 2 to 50 characters, or none";
    if text.trim().is_empty() { Ok(String::new()) } else { name(text, WRONG) }
}

fn name(text: &str, wrong: &'static str) -> Checked<String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("must not have control characters");
    }
    if (2..=50).contains(&text.chars().count()) { Ok(text.to_owned()) } else { Err(wrong) }
}

/// Trimmed and in lower case, as it is stored and looked up.
pub(crate) fn normal_email(text: &str) -> String {
    text.trim().to_lowercase()
}

pub(crate) fn email(text: &str) -> Checked<String> {
    let text = normal_email(text);
    validate::email(&text, &()).map_err(|_| "must be a valid e-mail address")?;
    Ok(text)
}

/// The longest password that is compared at all, in bytes: the former system set no limit when it was chosen.
pub(crate) const LONGEST_PASSWORD: usize = 1_024;

pub(crate) fn password(text: &str) -> Checked<()> {
    let has = |kind: fn(char) -> bool| text.chars().any(kind);
    if !(8..=128).contains(&text.chars().count()) {
        return Err("must have 8 to 128 characters");
    }
    let is_symbol = |letter: char| !letter.is_alphanumeric() && !letter.is_whitespace() && !letter.is_control();
    if has(char::is_lowercase) && has(char::is_uppercase) && has(|letter| letter.is_ascii_digit()) && has(is_symbol) {
        return Ok(());
    }
    Err("must have a lower-case letter, an upper-case letter, a digit and a symbol")
}

pub(crate) fn photo_url(text: &str) -> Checked<String> {
    let text = text.trim();
    validate::http_url(text, &()).map_err(|_| "must be an http or https URL")?;
    if text.len() <= 2_048 { Ok(text.to_owned()) } else { Err("must have at most 2048 characters") }
}

pub(crate) fn gender(text: &str) -> Checked<String> {
    one_of(text, &GENDERS).ok_or("must be male, female or others")
}

pub(crate) fn age(number: f64) -> Checked<i32> {
    if number.fract() == 0.0 && (13.0..=120.0).contains(&number) {
        Ok(number as i32)
    } else {
        Err("must be a whole number from 13 to 120")
    }
}

pub(crate) fn about(text: &str) -> Checked<String> {
    if text.chars().count() <= 1_000 { Ok(text.to_owned()) } else { Err("must have at most 1000 characters") }
}

/// Empty ones are left out: forms make them of a trailing comma.
pub(crate) fn skills(list: &[String]) -> Checked<Vec<String>> {
    let skills: Vec<_> = list.iter().map(|skill| skill.trim().to_owned()).filter(|skill| !skill.is_empty()).collect();
    if skills.len() > 10 {
        return Err("must be at most 10");
    }
    if skills.iter().any(|skill| skill.chars().count() > 50) {
        return Err("must have at most 50 characters each");
    }
    Ok(skills)
}

/// The text, if it is one of these.
pub(crate) fn one_of(text: &str, known: &[&str]) -> Option<String> {
    known.contains(&text).then(|| text.to_owned())
}
