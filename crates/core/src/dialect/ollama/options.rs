//! Ollama's `options`.

use crate::{
    canonical::{Fields, Given, Invalid, Losses, Rest, Sampling},
    json::Object,
};

/// Options without a canonical meaning that Ollama knows (API description, ModelOptions, and its modelfile page).
const OWN: &[&str] = &[
    "draft_num_predict",
    "low_vram",
    "main_gpu",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "num_batch",
    "num_gpu",
    "num_keep",
    "num_thread",
    "numa",
    "penalize_newline",
    "repeat_last_n",
    "tfs_z",
    "use_mlock",
    "use_mmap",
];

/// Reads `options`, and the fields beside it that belong to sampling.
pub(super) fn read_options(body: &mut Fields<'_>) -> Result<(Sampling, Rest), Invalid> {
    let mut sampling = Sampling {
        keep_alive: body.value("keep_alive"),
        logprobs: body.boolean("logprobs")?,
        top_logprobs: body.integer("top_logprobs")?,
        ..Sampling::default()
    };
    let Some(mut options) = body.object("options")? else { return Ok((sampling, Rest::default())) };
    sampling.temperature = options.number("temperature")?;
    sampling.top_p = options.number("top_p")?;
    sampling.top_k = options.number("top_k")?;
    sampling.min_p = options.number("min_p")?;
    sampling.typical_p = options.number("typical_p")?;
    sampling.presence_penalty = options.number("presence_penalty")?;
    sampling.frequency_penalty = options.number("frequency_penalty")?;
    sampling.repeat_penalty = options.number("repeat_penalty")?;
    sampling.seed = options.number("seed")?;
    // 0 and everything below it are no limit there (its runners stop at limits above 0 alone).
    let limit = options.integer("num_predict")?;
    sampling.max_tokens = limit.map(|given| Given { value: if given.value > 0 { given.value } else { -1 }, ..given });
    sampling.stop = options.strings("stop")?;
    sampling.num_ctx = options.number("num_ctx")?;
    Ok((sampling, options.rest()))
}

/// Writes `options`, and the fields beside it that belong to sampling.
pub(super) fn write_options(sampling: Sampling, mut others: Rest, out: &mut Object<'_>, losses: &mut Losses) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        min_p,
        typical_p,
        presence_penalty,
        frequency_penalty,
        repeat_penalty,
        seed,
        max_tokens,
        stop,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
        num_ctx,
        keep_alive,
    } = sampling;
    losses.unless(n, &1);
    losses.given(logit_bias);
    let numbers = [
        ("temperature", temperature),
        ("top_p", top_p),
        ("top_k", top_k),
        ("min_p", min_p),
        ("typical_p", typical_p),
        ("presence_penalty", presence_penalty),
        ("frequency_penalty", frequency_penalty),
        ("repeat_penalty", repeat_penalty),
        ("seed", seed),
        ("num_ctx", num_ctx),
    ];
    others.keep(OWN, losses);
    let some = numbers.iter().any(|(_, given)| given.is_some());
    if some || max_tokens.is_some() || stop.is_some() || !others.fields.is_empty() {
        out.object("options", |out| {
            for (name, given) in numbers {
                out.some(name, given.map(|given| given.value));
            }
            out.some("num_predict", max_tokens.map(|given| given.value));
            out.some("stop", stop.map(|given| given.value));
            out.others(&others.fields, &[]);
        });
    }
    out.some("logprobs", logprobs.map(|given| given.value));
    out.some("top_logprobs", top_logprobs.map(|given| given.value));
    out.some("keep_alive", keep_alive.map(|given| given.value));
}
