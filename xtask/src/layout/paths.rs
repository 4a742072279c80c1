//! Finding, in a source file, which top-level modules of its crate it names.
//!
//! A full parser would be another minute of compile time for a tool that everything waits for. Tokens are enough: what
//! counts are paths that begin with `crate` or `super`, and the nesting of `mod` blocks.

use std::path::Path;

/// A path that leads into another top-level module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The top-level module of the file.
    pub(super) from: String,
    /// The top-level module that it names.
    pub(super) to: String,
    pub(super) line: usize,
}

/// A piece of source text that is neither blank, comment nor literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// `::`
    Colons,
    Mark(char),
}

/// The module path of a file below `src`, or `None` for those above all layers (`main.rs`, `lib.rs`) and for test code.
pub(super) fn module_of(file: &Path) -> Option<Vec<String>> {
    let mut module: Vec<String> =
        file.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    let is_test = module.iter().any(|name| name == "tests");
    let is_root = matches!(module.as_slice(), [name] if name == "main" || name == "lib") || module.is_empty();
    (!is_root && !is_test).then_some(module)
}

/// What the file of `module` imports from other top-level modules, in its order.
pub(super) fn imports(module: &[String], source: &str) -> Vec<Import> {
    let Some(from) = module.first() else { return Vec::new() };
    let tokens = tokens(source);
    let mut scanner = Scanner { tokens: &tokens, at: 0, module: module.to_vec(), blocks: Vec::new() };
    let mut found = scanner.run();
    found.retain(|import| import.to != *from);
    found
}

/// What a brace that is open belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Module,
    Other,
}

struct Scanner<'a> {
    tokens: &'a [(Token<'a>, usize)],
    at: usize,
    /// The module at this place: the file's, and the `mod` blocks around.
    module: Vec<String>,
    blocks: Vec<Block>,
}

impl<'a> Scanner<'a> {
    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).map(|(token, _)| *token)
    }

    fn run(&mut self) -> Vec<Import> {
        let mut found = Vec::new();
        while let Some(&(token, line)) = self.tokens.get(self.at) {
            match token {
                Token::Mark('#') if self.is_test_attribute() => {
                    self.skip_item();
                    continue;
                }
                Token::Word("mod") => {
                    if let (Some(Token::Word(name)), Some(Token::Mark('{'))) = (self.peek(1), self.peek(2)) {
                        self.module.push(name.to_owned());
                        self.blocks.push(Block::Module);
                        self.at += 2;
                    }
                }
                Token::Mark('{') => self.blocks.push(Block::Other),
                Token::Mark('}') => {
                    let closed = self.blocks.pop();
                    if closed == Some(Block::Module) {
                        self.module.pop();
                    }
                }
                Token::Word(start @ ("crate" | "super")) if self.begins_a_path() => {
                    if let Some(prefix) = self.prefix(start) {
                        self.branches(&prefix, line, &mut found);
                        continue;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        found
    }

    /// `crate` or `super` here starts a path: it is not the middle of one, nor part of `pub(crate)`.
    fn begins_a_path(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|(token, _)| *token);
        before != Some(Token::Colons) && self.peek(1) == Some(Token::Colons)
    }

    /// Reads `crate::` or `super::super::` and returns the module that it stands for; none above the crate's root.
    fn prefix(&mut self, start: &str) -> Option<Vec<String>> {
        let mut module = if start == "crate" { Vec::new() } else { self.module.clone() };
        let mut ahead = 0;
        if start == "crate" {
            ahead = 2;
        } else {
            while self.peek(ahead) == Some(Token::Word("super")) && self.peek(ahead + 1) == Some(Token::Colons) {
                module.pop()?;
                ahead += 2;
            }
        }
        self.at += ahead;
        Some(module)
    }

    /// Reads what follows a prefix: a name, or a list of branches in braces.
    fn branches(&mut self, prefix: &[String], line: usize, found: &mut Vec<Import>) {
        let from = self.module.first().cloned().unwrap_or_default();
        let mut record = |name: &str, line: usize| {
            let to = prefix.first().map_or(name, String::as_str).to_owned();
            let import = Import { from: from.clone(), to, line };
            if !found.contains(&import) {
                found.push(import);
            }
        };
        match self.peek(0) {
            Some(Token::Word(name)) => {
                record(name, line);
                self.at += 1;
            }
            Some(Token::Mark('{')) => {
                // Only the first word of each branch counts; deeper braces belong to one branch.
                let mut depth = 0_usize;
                let mut first = true;
                while let Some(&(token, line)) = self.tokens.get(self.at) {
                    self.at += 1;
                    match token {
                        Token::Mark('{') => depth += 1,
                        Token::Mark('}') => {
                            depth -= 1;
                            if depth == 0 {
                                break;
                            }
                        }
                        Token::Mark(',') if depth == 1 => first = true,
                        Token::Word(name) if depth == 1 && first => {
                            record(name, line);
                            first = false;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether `#[cfg(test)]` or `#[cfg(all(test, …))]` starts here.
    fn is_test_attribute(&self) -> bool {
        let word = |ahead, expected| self.peek(ahead) == Some(Token::Word(expected));
        let mark = |ahead, expected| self.peek(ahead) == Some(Token::Mark(expected));
        mark(1, '[')
            && word(2, "cfg")
            && mark(3, '(')
            && ((word(4, "test") && mark(5, ')')) || (word(4, "all") && mark(5, '(') && word(6, "test")))
    }

    /// Steps over an attribute and the item that it belongs to, with all further attributes between.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            self.at += 1;
            match token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(close @ (')' | ']' | '}')) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && close == '}' {
                        return;
                    }
                }
                Token::Mark(';') if depth == 0 => return,
                _ => {}
            }
        }
    }
}

/// Splits a source text, leaving out comments and the contents of strings and characters.
fn tokens(source: &str) -> Vec<(Token<'_>, usize)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => 1 + string(rest.get(1..).unwrap_or_default()),
            '\'' => quote(rest),
            _ if character.is_alphanumeric() || character == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                match raw_string(word, after) {
                    Some(length) => end + length,
                    None => {
                        found.push((Token::Word(word), line));
                        end
                    }
                }
            }
            ':' if rest.starts_with("::") => {
                found.push((Token::Colons, line));
                2
            }
            _ => {
                if !character.is_whitespace() {
                    found.push((Token::Mark(character), line));
                }
                character.len_utf8()
            }
        };
        let (read, after) = rest.split_at(length.min(rest.len()));
        line += read.matches('\n').count();
        rest = after;
    }
    found
}

/// The length of a block comment, with the ones inside it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, character) in text.char_indices() {
        match (previous, character) {
            ('/', '*') => depth += 1,
            ('*', '/') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {
                previous = character;
                continue;
            }
        }
        // `/*/` opens once and closes nothing.
        previous = ' ';
    }
    text.len()
}

/// The length of a string's contents and its closing quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of a raw string that starts with `word` (`r`, `br`, `cr`) and goes on with `after`, if one does.
fn raw_string(word: &str, after: &str) -> Option<usize> {
    if !matches!(word, "r" | "br" | "cr") {
        return None;
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or(after.len(), |at| hashes + 1 + at + end.len()))
}

/// The length of a character literal, or 1 for the mark of a lifetime.
fn quote(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((after, escaped))) => {
            let from = after + escaped.len_utf8();
            text.get(from..).and_then(|rest| rest.find('\'')).map_or(1, |at| from + at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
