//! The prompt library, built in and on disk.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;

fn write(folder: &Path, key: &str, bytes: &[u8]) {
    let path = folder.join(format!("{key}.prompt"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn text(prompts: &Prompts, id: &str, language: Option<&str>) -> String {
    prompts.find("builtin", id, language).unwrap().prompt.fill(&[])
}

#[test]
fn every_built_in_prompt_comes_in_both_languages_with_the_same_placeholders() {
    let prompts = Prompts::embedded("pl");
    assert_eq!(prompts.keys().count(), 14);
    for key in prompts.keys().filter(|key| key.contains("/en/")) {
        let names = |key: &str| prompts.by_key[key].placeholders().collect::<Vec<_>>();
        assert_eq!(names(key), names(&key.replace("/en/", "/pl/")), "{key}");
    }
    let names = |id: &str| prompts.by_key[&format!("builtin/system/en/{id}")].placeholders().collect::<Vec<_>>();
    assert_eq!(names("generate-questions"), ["QUESTION_NUM_STR"]);
    assert_eq!(names("full-article"), ["USER_Q_STR"]);
    assert_eq!(names("answer-from-context-simple"), ["QUESTION_STR"]);
}

#[test]
fn every_prompt_file_of_the_shipped_folder_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../resources/prompts");
    let (prompts, warnings) = Prompts::load(&folder, "pl").unwrap();
    assert_eq!(warnings, []);
    assert!(prompts.keys().eq(Prompts::embedded("pl").keys()));
}

#[test]
fn a_language_without_the_prompt_falls_back_to_the_default_one() {
    let prompts = Prompts::embedded("en");
    assert_eq!(prompts.find("builtin", "simplify-text", Some("pl")).unwrap().language, "pl");
    assert_eq!(prompts.find("builtin", "simplify-text", Some("de")).unwrap().language, "en");
    assert_eq!(prompts.find("builtin", "simplify-text", None).unwrap().language, "en");
    assert!(prompts.find("builtin", "no-such", None).is_none());
    assert!(prompts.find("builtin", "simplify-text", Some("../en")).is_some_and(|found| found.language == "en"));
}

#[test]
fn a_file_on_disk_takes_the_place_of_the_built_in_prompt_and_may_add_languages() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "builtin/system/en/simplify-text", "\u{feff}mine\n".as_bytes());
    write(folder.path(), "builtin/system/de/simplify-text", b"einfach");
    write(folder.path(), "own/system/en/haiku", b"three lines about ##TOPIC##");
    fs::write(folder.path().join("README.md"), "not a prompt").unwrap();
    let (prompts, warnings) = Prompts::load(folder.path(), "en").unwrap();
    assert_eq!(warnings, []);
    let german = Prompts::load(folder.path(), "de").unwrap().0;
    assert_eq!(german.find("own", "haiku", None).unwrap().language, "en", "the only one there is");
    assert_eq!(text(&prompts, "simplify-text", Some("en")), "mine");
    assert_eq!(text(&prompts, "simplify-text", Some("de")), "einfach");
    assert!(text(&prompts, "simplify-text", Some("pl")).starts_with("Przeredaguj"));
    let haiku = prompts.find("own", "haiku", None).unwrap().prompt;
    assert_eq!(haiku.fill(&[("TOPIC", "frogs")]), "three lines about frogs");
}

#[test]
fn a_value_that_looks_like_a_placeholder_is_not_filled_again() {
    let prompt = Prompt::parse("a ##X## b ##Y## c ##X##");
    assert_eq!(prompt.fill(&[("X", "##Y##"), ("Y", "##X##")]), "a ##Y## b ##X## c ##Y##");
}

#[test]
fn only_closed_upper_case_marks_are_placeholders() {
    let names = |text: &str| Prompt::parse(text).placeholders().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("## Heading\n##lower## ##A B## #### ##9##"), [""; 0]);
    assert_eq!(names("###A## ##A##B## ##A_1##"), ["A", "A", "A_1"]);
    assert_eq!(Prompt::parse("  ### x ##NO## ").fill(&[]), "### x ##NO##");
}

#[test]
fn placeholders_that_nobody_fills_or_that_are_missing_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "builtin/system/de/generate-questions", b"Stelle ##QUESTION_NUM## Fragen");
    write(folder.path(), "builtin/system/en/simplify-text", b" \n");
    write(folder.path(), "loose", b"x");
    let (_, warnings) = Prompts::load(folder.path(), "pl").unwrap();
    let told: String = warnings.iter().map(|w| format!("{w}\n")).collect();
    for part in [
        "generate-questions.prompt: nothing fills the placeholder ##QUESTION_NUM##; did you mean \"QUESTION_NUM_STR\"?",
        "generate-questions.prompt: lacks the placeholder ##QUESTION_NUM_STR##",
        "simplify-text.prompt: is empty",
        "loose.prompt: is not at <category>/system/<language>/<id>.prompt",
    ] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
}

#[test]
fn unreadable_files_and_a_default_language_without_prompts_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "builtin/system/en/a", b"\xff");
    write(folder.path(), "builtin/system/en/b", b"ok \xc3");
    write(folder.path(), "builtin/system/en/c", &vec![b'x'; 1 << 21]);
    let told = Prompts::load(folder.path(), "xx").unwrap_err().to_string();
    for part in [
        "4 problems:",
        "a.prompt: is not UTF-8 at byte 0",
        "b.prompt: is not UTF-8 at byte 3",
        "c.prompt: cannot be read: it is larger",
        "there are: en, pl",
    ] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
    assert!(Prompts::load(Path::new("no/such/folder"), "pl").is_ok());
}

proptest! {
    #[test]
    fn a_text_without_values_comes_back_as_it_was(text in "([#A-Z_ ]|ż|\n){0,40}") {
        prop_assert_eq!(Prompt::parse(&text).fill(&[]), text.trim());
    }

    #[test]
    fn a_value_comes_through_whole(value in "[^\\s]{1,30}") {
        prop_assert_eq!(Prompt::parse("##A##").fill(&[("A", &value)]), value);
    }
}
