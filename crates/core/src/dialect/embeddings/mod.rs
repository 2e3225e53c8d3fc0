//! Embeddings, in OpenAI's dialect and in Ollama's two.

mod ollama;
mod openai;

pub(crate) use ollama::{
    nothing, read_embed, read_embeddings, read_reply as read_ollama, write_embed, write_embedding, write_embeddings,
};
pub(crate) use openai::{read_reply as read_openai, read_request, write_reply, write_request};
