//! A shell that runs nothing but kubectl: it reads a script far enough to know how each kubectl in it is called.

use std::collections::HashMap;

use super::tokens::{Part, Redirect, Token, Word, tokens};

/// A call of kubectl in a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call {
    /// The line of the script, counted from 0.
    pub line: usize,
    /// What stands after `kubectl`.
    pub arguments: Vec<String>,
    /// Variables that are set for this call.
    pub environment: Vec<(String, String)>,
    /// What comes in through the pipe, or as a here document.
    pub input: Option<String>,
    /// The file that takes the output.
    pub output: Option<String>,
}

/// Runs a script: hands every call of kubectl to `kubectl`, which returns its output.
///
/// Other programs are passed over; what kubectl wrote goes through them as it is. The body of a loop runs
/// once, with the first of the values.
///
/// # Errors
/// A part of the script is written in a way that this shell does not read.
pub fn run(script: &str, kubectl: &mut dyn FnMut(Call) -> String) -> Result<(), String> {
    let mut shell = Shell {
        variables: HashMap::new(),
        kubectl,
    };
    shell.script(script, 0).map(drop)
}

struct Shell<'a> {
    variables: HashMap<String, String>,
    kubectl: &'a mut dyn FnMut(Call) -> String,
}

impl Shell<'_> {
    /// Runs a script and returns what its last pipe wrote.
    fn script(&mut self, script: &str, first_line: usize) -> Result<String, String> {
        let tokens = tokens(script, first_line)?;
        let mut written = String::new();
        for pipe in tokens.split(|token| matches!(token, Token::End)) {
            let mut flowing = None;
            for command in pipe.split(|token| matches!(token, Token::Pipe)) {
                flowing = self.command(command, flowing)?.or(Some(String::new()));
            }
            written = flowing.unwrap_or_default();
        }
        Ok(written)
    }

    /// Runs one command of a pipe and returns what flows on.
    fn command(
        &mut self,
        tokens: &[Token],
        input: Option<String>,
    ) -> Result<Option<String>, String> {
        let mut call = Call {
            input,
            ..Call::default()
        };
        let mut words: Vec<String> = Vec::new();
        let mut line = None;
        for token in tokens {
            match token {
                Token::Word(word) => {
                    line = line.or(Some(word.line));
                    words.extend(self.expand(word)?);
                }
                Token::Redirect(Redirect::Output(file)) => call.output = self.expand(file)?.pop(),
                Token::Redirect(Redirect::Document(text)) => call.input = Some(text.clone()),
                Token::Pipe | Token::End => {}
            }
        }
        call.line = line.unwrap_or_default();
        let words = self.without_keywords(words);
        let assigned = words
            .iter()
            .take_while(|word| assignment(word).is_some())
            .count();
        let assignments = words[..assigned].iter().filter_map(|word| assignment(word));
        let words = &words[assigned..];
        if words.is_empty() || words[0] == "export" {
            let exported = words.iter().filter_map(|word| assignment(word));
            self.variables.extend(assignments.chain(exported));
            return Ok(None);
        }
        call.environment = assignments.collect();
        // As in `watch 'kubectl get pods'`.
        for quoted in words[1..]
            .iter()
            .filter(|word| word.starts_with("kubectl "))
        {
            self.script(quoted, call.line)?;
        }
        let Some(place) = words.iter().position(|word| word == "kubectl") else {
            // What another program makes of it is not known; a here document begins a pipe.
            return Ok(call.input);
        };
        if place > 0 && !words[..place].iter().all(|word| runs_another(word)) {
            return Ok(call.input);
        }
        call.arguments = words[place + 1..].to_vec();
        if let Some(own) = words[..place].iter().position(|word| word == "xargs") {
            let from_pipe = call.input.take().unwrap_or_default();
            append(&mut call.arguments, &words[own..place], &from_pipe);
        }
        Ok(Some((self.kubectl)(call)))
    }

    /// Takes the words away that only order commands; `for` gives its variable the first value.
    fn without_keywords(&mut self, mut words: Vec<String>) -> Vec<String> {
        const KEYWORDS: [&str; 13] = [
            "do", "done", "then", "else", "fi", "if", "elif", "while", "until", "!", "{", "}",
            "time",
        ];
        while words
            .first()
            .is_some_and(|word| KEYWORDS.contains(&word.as_str()))
        {
            words.remove(0);
        }
        if words.first().is_some_and(|word| word == "for") {
            if let (Some(name), Some(value)) = (words.get(1), words.get(3)) {
                self.variables.insert(name.clone(), value.clone());
            }
            words.clear();
        }
        words
    }

    /// What a word becomes: more than one where the output of a command is split.
    fn expand(&mut self, word: &Word) -> Result<Vec<String>, String> {
        let mut words = vec![String::new()];
        for part in &word.parts {
            match part {
                Part::Text(text) => last(&mut words).push_str(text),
                Part::Variable(name) => {
                    let value = self.variables.get(name).cloned().unwrap_or_default();
                    last(&mut words).push_str(&value);
                }
                Part::Output { script, quoted } => {
                    let output = self.script(script, word.line)?;
                    let output = output.trim_end();
                    let mut pieces = if *quoted {
                        vec![output]
                    } else {
                        output.split_whitespace().collect()
                    };
                    if !pieces.is_empty() {
                        last(&mut words).push_str(pieces.remove(0));
                    }
                    words.extend(pieces.into_iter().map(str::to_owned));
                }
            }
        }
        Ok(words)
    }
}

fn last(words: &mut Vec<String>) -> &mut String {
    if words.is_empty() {
        words.push(String::new());
    }
    let end = words.len() - 1;
    &mut words[end]
}

/// Whether a word before `kubectl` belongs to a program that runs another one.
fn runs_another(word: &str) -> bool {
    [
        "sudo", "watch", "time", "timeout", "xargs", "env", "nohup", "exec", "command",
    ]
    .contains(&word)
        || word.starts_with('-')
        || word.contains("{}")
        || word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b's')
        || assignment(word).is_some()
}

/// Adds the words of the pipe as xargs does: in the place of `{}` with `-I`, all or one with `-n1`, else at the end.
fn append(arguments: &mut Vec<String>, options: &[String], from_pipe: &str) {
    let first = from_pipe.lines().next().unwrap_or_default();
    if options.iter().any(|option| option.starts_with("-I")) {
        for argument in arguments {
            *argument = argument.replace("{}", first);
        }
    } else if options
        .iter()
        .any(|option| option == "-n1" || option == "-n" || option == "-L1")
    {
        arguments.extend(first.split_whitespace().map(str::to_owned));
    } else {
        arguments.extend(from_pipe.split_whitespace().map(str::to_owned));
    }
}

/// The name and the value of `NAME=value`.
fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && name.starts_with(|first: char| !first.is_ascii_digit()))
        .then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls of a script, each as `line: [VAR=value ]argument|argument[ <input][ >file]`.
    fn calls(script: &str) -> Vec<String> {
        let mut calls = Vec::new();
        run(script, &mut |call| {
            let environment = call
                .environment
                .iter()
                .map(|(name, value)| format!("{name}={value} "));
            let environment: String = environment.collect();
            let input = call
                .input
                .map(|input| format!(" <{input}"))
                .unwrap_or_default();
            let output = call
                .output
                .map(|file| format!(" >{file}"))
                .unwrap_or_default();
            let arguments = call.arguments.join("|");
            calls.push(format!(
                "{}: {environment}{arguments}{input}{output}",
                call.line
            ));
            "one two\nthree".to_owned()
        })
        .unwrap_or_else(|problem| panic!("{script}: {problem}"));
        calls
    }

    #[test]
    fn quotes_remarks_and_continued_lines_are_read_as_a_shell_reads_them() {
        let script = "kubectl get pod a \\\n  -o jsonpath='{.a}{\"\\n\"}'  # a remark\nkubectl get \"b c\" d\\ e";
        assert_eq!(
            calls(script),
            ["0: get|pod|a|-o|jsonpath={.a}{\"\\n\"}", "2: get|b c|d e"]
        );
    }

    #[test]
    fn only_the_kubectl_part_of_a_pipe_runs_and_its_output_flows_on() {
        assert_eq!(calls("kubectl get a | grep b | wc -l"), ["0: get|a"]);
        assert_eq!(
            calls("kubectl get a -o json | jq '.b=[]' | kubectl replace -f -"),
            ["0: get|a|-o|json", "0: replace|-f|- <one two\nthree"]
        );
        assert_eq!(
            calls("kubectl get a -o name | xargs -n1 kubectl delete"),
            ["0: get|a|-o|name", "0: delete|one|two"]
        );
        assert_eq!(
            calls("echo x | kubectl exec -i p -- psql 2>/dev/null"),
            ["0: exec|-i|p|--|psql <"]
        );
    }

    #[test]
    fn loops_run_once_and_variables_hold_what_kubectl_wrote() {
        assert_eq!(
            calls("for n in $(kubectl get nodes -o name); do kubectl drain $n; done"),
            ["0: get|nodes|-o|name", "0: drain|one"]
        );
        assert_eq!(
            calls("while true; do kubectl port-forward x 1:2; sleep 1; done"),
            ["0: port-forward|x|1:2"]
        );
        assert_eq!(
            calls("P=\"$(kubectl get pod)\"\nKUBECONFIG=a kubectl logs \"$P\" > out.txt"),
            ["0: get|pod", "1: KUBECONFIG=a logs|one two\nthree >out.txt"]
        );
    }

    #[test]
    fn a_call_inside_another_command_runs() {
        assert_eq!(
            calls("watch -n 2 'kubectl get a -o wide'"),
            ["0: get|a|-o|wide"]
        );
        assert_eq!(calls("sudo -E timeout 5s kubectl get a"), ["0: get|a"]);
        assert_eq!(calls("which kubectl && echo kubectl get a"), [""; 0]);
    }

    #[test]
    fn a_here_document_is_input() {
        assert_eq!(
            calls("cat <<'EOF' | kubectl apply -f -\na: 1\nEOF\nkubectl get b"),
            ["0: apply|-f|- <a: 1\n", "3: get|b"]
        );
    }
}
