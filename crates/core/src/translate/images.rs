//! Puts fetched pictures in the place of their URLs.

use super::context::FetchedImage;
use crate::{
    canonical::{Given, Image, Input, Message, Part, Request},
    dialect::ImageUrl,
};

/// Replaces the URLs that were fetched; the others are left, and returned.
pub(super) fn resolve(request: &mut Request, fetched: &[FetchedImage]) -> Vec<ImageUrl> {
    let mut missing = Vec::new();
    match &mut request.input {
        Input::Messages(messages) => {
            for Message { parts, .. } in messages {
                resolve_parts(parts, fetched, &mut missing);
            }
        }
        Input::Prompt(prompt) => prompt.images.iter_mut().for_each(|image| resolve_one(image, fetched, &mut missing)),
    }
    missing
}

fn resolve_parts(parts: &mut [Part], fetched: &[FetchedImage], missing: &mut Vec<ImageUrl>) {
    for part in parts {
        match part {
            Part::Image { image, .. } => resolve_one(image, fetched, missing),
            Part::ToolResult(result) => resolve_parts(&mut result.parts, fetched, missing),
            _ => {}
        }
    }
}

fn resolve_one(image: &mut Given<Image>, fetched: &[FetchedImage], missing: &mut Vec<ImageUrl>) {
    let Image::Url(url) = &image.value else { return };
    match fetched.iter().find(|fetched| fetched.url == *url) {
        Some(FetchedImage { media_type, data, .. }) => {
            image.value = Image::Base64 { media_type: media_type.clone(), data: data.clone() };
        }
        None if missing.iter().all(|known| known.url != *url) => missing.push(ImageUrl::new(url.clone(), image.at)),
        None => {}
    }
}
