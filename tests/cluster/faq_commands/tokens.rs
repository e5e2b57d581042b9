//! The words and signs of a shell script, as far as the FAQ uses them.

/// A part of a script.
#[derive(Debug)]
pub enum Token {
    /// A word of a command.
    Word(Word),
    /// Where a command's input comes from, or its output goes.
    Redirect(Redirect),
    /// `|`.
    Pipe,
    /// The end of a pipe: a line's end, `;`, `&&`, `||` or `&`.
    End,
}

/// A redirection.
#[derive(Debug)]
pub enum Redirect {
    /// `> file`.
    Output(Word),
    /// The text of a here document.
    Document(String),
}

/// A word, before it is expanded.
#[derive(Debug)]
pub struct Word {
    /// The line where it begins, counted from 0.
    pub line: usize,
    /// What it is put together from.
    pub parts: Vec<Part>,
}

/// A piece of a word.
#[derive(Debug)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of a variable.
    Variable(String),
    /// The output of a script.
    Output { script: String, quoted: bool },
}

/// Splits a script into tokens. Its first line has the number `line`.
///
/// # Errors
/// A part of it is written in a way that is not read here.
pub fn tokens(script: &str, line: usize) -> Result<Vec<Token>, String> {
    Reader::new(script, line).tokens()
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// The ends of here documents whose text begins on the next line.
    documents: Vec<(usize, String)>,
    tokens: Vec<Token>,
}

impl<'a> Reader<'a> {
    fn new(script: &'a str, line: usize) -> Self {
        Reader {
            rest: script,
            line,
            documents: Vec::new(),
            tokens: Vec::new(),
        }
    }

    fn tokens(mut self) -> Result<Vec<Token>, String> {
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\n' => {
                    self.take("\n");
                    self.line += 1;
                    self.read_documents()?;
                    self.tokens.push(Token::End);
                }
                ' ' | '\t' => self.take(" "),
                '\\' if self.rest.starts_with("\\\n") => {
                    self.take("\\\n");
                    self.line += 1;
                }
                '#' => self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..],
                '|' | '&' | ';' | '(' | ')' => self.read_operator(),
                '<' | '>' => self.read_redirect()?,
                '0'..='9' if self.redirects_by_number() => {
                    self.take("2");
                    let before = self.tokens.len();
                    self.read_redirect()?;
                    if next != '1' {
                        self.tokens.truncate(before); // errors go where they may
                    }
                }
                _ => {
                    let word = self.read_word()?;
                    self.tokens.push(Token::Word(word));
                }
            }
        }
        if let Some((_, end)) = self.documents.first() {
            return Err(format!("the here document {end} has no text"));
        }
        Ok(self.tokens)
    }

    fn take(&mut self, text: &str) {
        self.rest = &self.rest[text.len()..];
    }

    fn read_operator(&mut self) {
        let operators = ["||", "&&", "|&", ";;", "&>"];
        let operator = operators
            .iter()
            .find(|operator| self.rest.starts_with(**operator));
        match operator {
            Some(&"|&") => self.tokens.push(Token::Pipe),
            None if self.rest.starts_with('|') => self.tokens.push(Token::Pipe),
            Some(_) | None => self.tokens.push(Token::End),
        }
        self.take(operator.unwrap_or(&"|"));
    }

    fn redirects_by_number(&self) -> bool {
        matches!(self.rest.as_bytes(), [_, b'<' | b'>', ..])
    }

    fn read_redirect(&mut self) -> Result<(), String> {
        if self.rest.starts_with(">&") {
            // Another stream joins one that flows already.
            self.take(">&1");
            return Ok(());
        }
        if self.rest.starts_with("<(") || self.rest.starts_with("<<<") {
            return Err(format!("`{}` is not read by this shell", self.rest));
        }
        let operators = [">>", "<<-", "<<", ">", "<"];
        let operator = operators
            .iter()
            .find(|operator| self.rest.starts_with(**operator));
        let operator = *operator.unwrap_or(&">");
        self.take(operator);
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let word = self.read_word()?;
        match operator {
            ">" | ">>" => self.tokens.push(Token::Redirect(Redirect::Output(word))),
            "<<" | "<<-" => {
                let end = word.parts.iter().map(|part| match part {
                    Part::Text(text) => text.as_str(),
                    Part::Variable(_) | Part::Output { .. } => "",
                });
                self.documents.push((self.tokens.len(), end.collect()));
                self.tokens
                    .push(Token::Redirect(Redirect::Document(String::new())));
            }
            // What a file holds is kubectl's to refuse; it never comes in that way so far.
            _ => return Err(format!("`{operator}` is not read by this shell")),
        }
        Ok(())
    }

    /// Reads the here documents that were announced on the line before.
    fn read_documents(&mut self) -> Result<(), String> {
        for (token, end) in std::mem::take(&mut self.documents) {
            let mut text = String::new();
            loop {
                let Some((line, rest)) = self
                    .rest
                    .split_once('\n')
                    .or_else(|| (!self.rest.is_empty()).then_some((self.rest, "")))
                else {
                    return Err(format!("the here document {end} has no end"));
                };
                self.rest = rest;
                self.line += 1;
                if line.trim() == end {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            self.tokens[token] = Token::Redirect(Redirect::Document(text));
        }
        Ok(())
    }

    fn read_word(&mut self) -> Result<Word, String> {
        let mut word = Word {
            line: self.line,
            parts: Vec::new(),
        };
        while let Some(next) = self.rest.chars().next() {
            match next {
                ' ' | '\t' | '\n' | '|' | '&' | ';' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.take("'");
                    let end = self.rest.find('\'').ok_or("a ' is never closed")?;
                    word.parts.push(Part::Text(self.rest[..end].to_owned()));
                    self.line += self.rest[..end].matches('\n').count();
                    self.rest = &self.rest[end + 1..];
                }
                '"' => {
                    self.take("\"");
                    self.read_quoted(&mut word.parts)?;
                }
                '$' | '`' => self.read_expansion(&mut word.parts, false)?,
                '\\' => {
                    self.take("\\");
                    let escaped = self.rest.chars().next().unwrap_or('\\');
                    self.rest = self.rest.strip_prefix(escaped).unwrap_or(self.rest);
                    if escaped == '\n' {
                        self.line += 1;
                    } else {
                        word.parts.push(Part::Text(escaped.to_string()));
                    }
                }
                _ => {
                    let end = self.rest.find(|c: char| " \t\n|&;<>()'\"$`\\".contains(c));
                    let end = end.unwrap_or(self.rest.len());
                    word.parts.push(Part::Text(self.rest[..end].to_owned()));
                    self.rest = &self.rest[end..];
                }
            }
        }
        Ok(word)
    }

    /// Reads up to the closing double quote.
    fn read_quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), String> {
        loop {
            let end = self
                .rest
                .find(['"', '\\', '$', '`'])
                .ok_or("a \" is never closed")?;
            parts.push(Part::Text(self.rest[..end].to_owned()));
            self.line += self.rest[..end].matches('\n').count();
            self.rest = &self.rest[end..];
            if self.rest.starts_with('"') {
                self.take("\"");
                return Ok(());
            }
            if self.rest.starts_with('\\') {
                let escaped = self.rest[1..].chars().next().unwrap_or('\\');
                let text = if "\"\\$`".contains(escaped) {
                    escaped.to_string()
                } else {
                    format!("\\{escaped}")
                };
                parts.push(Part::Text(text));
                self.rest = &self.rest[1 + escaped.len_utf8()..];
            } else {
                self.read_expansion(parts, true)?;
            }
        }
    }

    /// Reads `$NAME`, `${NAME}`, `$(script)` or a script in backticks; another `$` is itself.
    fn read_expansion(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), String> {
        if let Some(rest) = self.rest.strip_prefix('`') {
            let end = rest.find('`').ok_or("a ` is never closed")?;
            let script = rest[..end].to_owned();
            self.rest = &rest[end + 1..];
            parts.push(Part::Output { script, quoted });
        } else if let Some(rest) = self.rest.strip_prefix("$(") {
            let end = closing(rest).ok_or("a $( is never closed")?;
            let script = rest[..end].to_owned();
            self.rest = &rest[end + 1..];
            parts.push(Part::Output { script, quoted });
        } else {
            let rest = &self.rest[1..];
            let in_braces = rest.starts_with('{');
            let name: String = rest
                .trim_start_matches('{')
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if name.is_empty() {
                parts.push(Part::Text("$".to_owned()));
                self.rest = rest;
                return Ok(());
            }
            let length = name.len() + if in_braces { 2 } else { 0 };
            self.rest = rest.get(length..).ok_or("a ${ is never closed")?;
            parts.push(Part::Variable(name));
        }
        Ok(())
    }
}

/// Where the parenthesis closes that was open before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(place),
            (None, ')') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}
