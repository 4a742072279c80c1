//! A PCRE pattern written anew for the `regex` crate.

mod class;

use super::super::Invalid;

/// MongoDB's `i`, `m`, `s` and `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) lines: bool,
    pub(super) all: bool,
    pub(super) extended: bool,
}

struct Translator<'p> {
    rest: &'p str,
    flags: Flags,
    /// Whether some part may ignore case.
    folds: bool,
    depth: usize,
    /// Whether what came last can be repeated.
    atom: bool,
    out: String,
}

const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r" \t\n\x0B\x0C\r";

/// The pattern for the crate.
pub(super) fn translate(pattern: &str, flags: Flags) -> Result<String, Invalid> {
    let out = String::with_capacity(pattern.len() * 2);
    let mut translator = Translator { rest: pattern, flags, folds: flags.ignore_case, depth: 0, atom: false, out };
    while let Some(letter) = translator.next() {
        translator.one(letter)?;
    }
    if translator.depth > 0 {
        return Err(Invalid::new("the regular expression leaves a group open"));
    }
    Ok(translator.out)
}

/// What every text that matches begins with, where it is plain to see.
pub(super) fn prefix(pattern: &str, flags: Flags) -> Option<String> {
    if flags.ignore_case || flags.lines || flags.extended || pattern.contains('|') {
        return None;
    }
    let mut prefix = String::new();
    let mut letters = pattern.strip_prefix('^')?.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(char::is_ascii_punctuation) => prefix.extend(letters.next()),
            '*' | '?' | '{' => {
                prefix.pop();
                break;
            }
            '\\' | '.' | '[' | '(' | ')' | '+' | '^' | '$' => break,
            letter => prefix.push(letter),
        }
    }
    (!prefix.is_empty()).then_some(prefix)
}

fn lacks(what: &str) -> Invalid {
    Invalid::new(format!("the embedded store does not support {what} in a regular expression"))
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = self.rest.get(letter.len_utf8()..)?;
        Some(letter)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Something that can be repeated.
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.atom = true;
    }

    /// Something that cannot.
    fn place(&mut self, text: &str) {
        self.out.push_str(text);
        self.atom = false;
    }

    fn literal(&mut self, letter: char) {
        escaped(&mut self.out, letter);
        self.atom = true;
    }

    fn one(&mut self, letter: char) -> Result<(), Invalid> {
        match letter {
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            ')' => {
                self.depth = self
                    .depth
                    .checked_sub(1)
                    .ok_or_else(|| Invalid::new("the regular expression closes a group that was not opened"))?;
                self.push(")");
            }
            '|' => self.place("|"),
            '.' => self.push("."),
            '^' if self.flags.lines => self.place("(?m:^)"),
            '^' => self.place(r"\A"),
            '$' if self.flags.lines => self.place("(?m:$)"),
            '$' if self.at_end() => self.place(r"\n?\z"),
            '$' => return Err(lacks("a `$` that is not at the end")),
            '*' | '+' | '?' => self.quantifier(&letter.to_string())?,
            '{' => match counts(self.rest) {
                Some(counts) => {
                    let quantifier = format!("{{{counts}}}");
                    self.rest = self.rest.get(counts.len() + 1..).unwrap_or_default();
                    self.quantifier(&quantifier)?;
                }
                None => self.literal('{'),
            },
            letter if self.flags.extended && letter.is_ascii_whitespace() => {}
            '#' if self.flags.extended => {
                // MongoDB puts the pattern into a group, whose end an open comment would swallow.
                let rest = self.rest.split_once('\n').map(|(_, rest)| rest);
                self.rest = rest.ok_or_else(|| Invalid::new("the regular expression leaves a comment open"))?;
            }
            letter => self.literal(letter),
        }
        Ok(())
    }

    /// Whether nothing but closing parentheses follows in this alternative of the whole.
    fn at_end(&self) -> bool {
        let rest = self.rest.trim_start_matches(')');
        let closed = self.rest.len() - rest.len();
        rest.is_empty() || rest.starts_with('|') && closed == self.depth
    }

    fn quantifier(&mut self, quantifier: &str) -> Result<(), Invalid> {
        if !self.atom {
            return Err(Invalid::new(format!("the regular expression repeats nothing by `{quantifier}`")));
        }
        if self.peek() == Some('+') {
            return Err(lacks("possessive quantifiers"));
        }
        self.place(quantifier);
        if self.eat("?") {
            self.place("?");
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let letter = self.next().ok_or_else(|| Invalid::new("the regular expression ends with a backslash"))?;
        match letter {
            'd' => self.push(&format!("[{DIGITS}]")),
            'D' => self.push(&format!("[^{DIGITS}]")),
            's' => self.push(&format!("[{SPACE}]")),
            'S' => self.push(&format!("[^{SPACE}]")),
            // Without case: `s` and `k` have partners beyond ASCII.
            'w' => self.push(&format!("(?-i:[{WORD}])")),
            'W' => self.push(&format!("(?-i:[^{WORD}])")),
            'b' => self.place(r"(?-u:\b)"),
            'B' => self.place(r"(?-u:\B)"),
            'A' => self.place(r"\A"),
            'z' => self.place(r"\z"),
            letter => {
                let letter = self.escaped_letter(letter)?;
                self.literal(letter);
            }
        }
        Ok(())
    }

    /// The letter that an escape stands for, in a class or out of one.
    fn escaped_letter(&mut self, letter: char) -> Result<char, Invalid> {
        Ok(match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\u{c}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'x' => self.hexadecimal()?,
            '0'..='9' => return Err(lacks(&format!("`\\{letter}`, a back reference or an octal number,"))),
            letter if letter.is_ascii_alphabetic() => return Err(lacks(&format!("`\\{letter}`"))),
            letter => letter,
        })
    }

    fn hexadecimal(&mut self) -> Result<char, Invalid> {
        let wrong = || lacks("`\\x` without two digits, or digits in braces,");
        let digits = match self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((digits, rest)) => {
                self.rest = rest;
                digits
            }
            None => {
                let (digits, rest) = self.rest.split_at_checked(2).ok_or_else(wrong)?;
                self.rest = rest;
                digits
            }
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or_else(wrong)
    }

    fn group(&mut self) -> Result<(), Invalid> {
        if self.rest.starts_with('*') {
            return Err(lacks("verbs `(*…)`"));
        }
        if !self.eat("?") || self.eat(":") {
            self.open("(?:");
            return Ok(());
        }
        let named = (self.rest.starts_with('<') && !self.rest.starts_with("<=") && !self.rest.starts_with("<!"))
            || self.rest.starts_with("P<");
        if named {
            let name = self.rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            let (name, rest) = name.ok_or_else(|| Invalid::new("the regular expression leaves a name open"))?;
            let whole = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if name.is_empty() || !whole || name.starts_with(|first: char| first.is_ascii_digit()) {
                return Err(Invalid::new("the regular expression names a group by other than letters, digits and _"));
            }
            self.rest = rest;
            self.open("(?:");
            return Ok(());
        }
        let flags = self.rest.find([':', ')']).and_then(|end| self.rest.split_at_checked(end));
        match flags {
            Some((flags, rest))
                if !flags.is_empty()
                    && flags.chars().all(|flag| "is-".contains(flag))
                    && flags.matches('-').count() < 2
                    && !flags.ends_with('-') =>
            {
                self.folds |= flags.contains('i');
                let opens = rest.starts_with(':');
                let text = format!("(?{flags}{}", if opens { ':' } else { ')' });
                self.rest = rest.get(1..).unwrap_or_default();
                if opens {
                    self.open(&text)
                } else {
                    self.place(&text)
                }
                Ok(())
            }
            _ => {
                let kind: String = self.rest.chars().take(2).collect();
                Err(lacks(&format!("the group `(?{kind}…)`")))
            }
        }
    }

    fn open(&mut self, text: &str) {
        self.depth += 1;
        self.place(text);
    }
}

/// What is in the braces of a quantifier, if they are those of one.
fn counts(rest: &str) -> Option<&str> {
    let (counts, _) = rest.split_once('}')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let quantifier = match counts.split_once(',') {
        None => digits(counts),
        Some((least, most)) => digits(least) && (most.is_empty() || digits(most)),
    };
    quantifier.then_some(counts)
}

/// A letter that stands for itself.
fn escaped(out: &mut String, letter: char) {
    if letter.is_ascii_punctuation() && !matches!(letter, '<' | '>') {
        out.push('\\');
    }
    out.push(letter);
}
