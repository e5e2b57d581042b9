//! A message as a person sees it, whichever platform shows it.

/// What a person sees of a message. `O` is how its platform finds it again.
#[derive(Debug, Clone)]
pub struct Message<O> {
    /// Where it is.
    pub origin: O,
    /// Whether one person alone sees it.
    pub is_private: bool,
    /// Everything that can be read in it, without marks.
    pub words: String,
    /// Its code blocks.
    pub commands: Vec<String>,
    /// The addresses that a press leads to.
    pub links: Vec<String>,
    /// Whom it names so that the platform turns the name into a mention.
    pub mentions: Vec<String>,
    /// Whom it calls.
    pub calls: Vec<String>,
    /// The entries that can be chosen from it.
    pub choices: Vec<String>,
    /// The entry that a vote under it would be about.
    pub entry: Option<String>,
    /// Whether it can be put before everyone.
    pub can_share: bool,
    /// The reasons that can be given for a bad vote.
    pub reasons: Vec<String>,
}

impl<O> Message<O> {
    /// An empty one, to be filled.
    pub fn at(origin: O, is_private: bool) -> Self {
        Message {
            origin,
            is_private,
            words: String::new(),
            commands: Vec::new(),
            links: Vec::new(),
            mentions: Vec::new(),
            calls: Vec::new(),
            choices: Vec::new(),
            entry: None,
            can_share: false,
            reasons: Vec::new(),
        }
    }

    /// Adds words.
    pub fn says(&mut self, words: &str) {
        self.words.push_str(words);
    }

    /// Whether it can be read in it.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        assert!(
            self.words.contains(words),
            "no {words:?} in\n{}",
            self.words
        );
    }

    /// That it cannot be read in it.
    #[track_caller]
    pub fn hides(&self, words: &str) {
        assert!(!self.words.contains(words), "{words:?} in\n{}", self.words);
    }

    /// That it is an entry's answer.
    #[track_caller]
    pub fn answers_with(&self, id: &str) {
        assert_eq!(self.entry.as_deref(), Some(id), "{}", self.words);
        self.shows(id);
    }
}
