//! The prompts the model really sees.

use std::fs;

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Client, Provider, Router, models};
use serde_json::{Value, json};

use super::{answer, sent, setup};

fn system(body: &Value) -> &str {
    body["messages"][0]["content"].as_str().unwrap()
}

#[tokio::test]
async fn the_number_of_questions_reaches_the_model_in_the_prompts_language() {
    let (mock, router) = setup("").await;
    for (count, language, words) in
        [(1, "en", "Write 1 question about"), (3, "en", "Write 3 questions about"), (5, "pl", "Ułóż 5 pytań do")]
    {
        let body = json!({"model": "vllm", "texts": ["a"], "number_of_questions": count, "language": language});
        answer(&router, "generate_questions", &body).await;
        let asked = sent(&mock).pop().unwrap();
        assert!(system(&asked).starts_with(words), "{}", system(&asked));
        assert!(!asked.to_string().contains("##"), "{asked}");
    }
}

#[tokio::test]
async fn a_prompt_of_the_client_takes_the_place_of_ours_and_is_filled_once() {
    let (mock, router) = setup("").await;
    let body = json!({"model": "vllm", "texts": ["a"], "question_str": "##QUESTION_STR## really?",
        "system_prompt": "Q: ##QUESTION_STR##", "question_prompt": "briefly"});
    answer(&router, "generative_answer", &body).await;
    assert_eq!(system(&sent(&mock)[0]), "Q: ##QUESTION_STR## really?\n\nbriefly");
}

#[tokio::test]
async fn a_file_on_disk_overrides_the_built_in_prompt_and_an_unknown_language_gets_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("builtin/system/en");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("simplify-text.prompt"), "Plainly!\n").unwrap();
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let model = models([("m", vec![Provider::new("a", "vllm", &mock.url())])]);
    let settings = [("prompts_dir", folder.path().to_str().unwrap()), ("default_ep_language", "en")];
    let router = Router::start(&model, &settings);
    for language in [json!("en"), json!("de"), json!(""), json!(null)] {
        answer(&router, "simplify_text", &json!({"model": "m", "texts": ["a"], "language": language})).await;
        assert_eq!(system(&sent(&mock)[0]), "Plainly!", "{language}");
    }
    answer(&router, "simplify_text", &json!({"model": "m", "texts": ["a"], "language": "pl"})).await;
    assert!(system(&sent(&mock)[0]).starts_with("Przeredaguj"));
}

#[tokio::test]
async fn a_reload_takes_new_prompts_in_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("builtin/system/en");
    fs::create_dir_all(&place).unwrap();
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let file = folder.path().join("models.json");
    fs::write(&file, models([("m", vec![Provider::new("a", "vllm", &mock.url())])]).to_string()).unwrap();
    let router = Router::start_from_files(&[
        ("models_config", file.to_str().unwrap()),
        ("prompts_dir", folder.path().to_str().unwrap()),
        ("admin_port", "0"),
    ]);
    let admin = Client::new(router.running().admin_address().unwrap());
    let ask = json!({"model": "m", "texts": ["a"], "language": "en"});
    answer(&router, "simplify_text", &ask).await;
    assert!(system(&sent(&mock)[0]).starts_with("Rewrite"));
    fs::write(place.join("simplify-text.prompt"), "Plainly!").unwrap();
    assert_eq!(admin.post("/admin/reload", "").await.status, 200);
    answer(&router, "simplify_text", &ask).await;
    assert_eq!(system(&sent(&mock)[0]), "Plainly!");
    fs::write(place.join("simplify-text.prompt"), b"\xff").unwrap();
    let refused = admin.post("/admin/reload", "").await;
    assert!(refused.text().contains("simplify-text.prompt: is not UTF-8"), "{}", refused.text());
    answer(&router, "simplify_text", &ask).await;
    assert_eq!(system(&sent(&mock)[0]), "Plainly!");
}
