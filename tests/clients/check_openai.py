"""The official OpenAI client: chat completions, responses, completions, embeddings, models, errors."""

import openai
import pydantic

from cases import ASK, CITY, PNG, broken, case, equal, holds, parsed, raises, recent

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
OTHER = {"type": "function", "function": {"name": "clock", "description": "The time.", "parameters": CITY}}


def client(base):
    return openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=20)


def user(content=ASK):
    return [{"role": "user", "content": content}]


@case("openai", "chat")
def chat(base, model):
    messages = [{"role": "system", "content": "Be kind."}, *user()]
    answer = client(base).chat.completions.create(model=model, messages=messages)
    choice = answer.choices[0]
    equal(choice.message.content, f"You said: {ASK}", "content")
    equal((choice.message.role, choice.finish_reason), ("assistant", "stop"))
    equal(answer.object, "chat.completion", "object")
    recent(answer.created)
    holds(answer.usage.completion_tokens > 0 and answer.usage.prompt_tokens > 0, f"usage: {answer.usage}")
    equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens, "total")


@case("openai", "history")
def history(base, model):
    messages = [*user("one"), {"role": "assistant", "content": "two"}, *user("three")]
    answer = client(base).chat.completions.create(model=model, messages=messages)
    equal(answer.choices[0].message.content, "You said: three", "content")


@case("openai", "stream")
def stream(base, model):
    chunks = list(client(base).chat.completions.create(model=model, messages=user(), stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    equal(text, f"You said: {ASK}", "content")
    equal(len({c.id for c in chunks}), 1, "ids in one stream")
    equal(chunks[0].choices[0].delta.role, "assistant", "first role")
    equal([c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason], ["stop"])
    holds(not any(c.usage for c in chunks), "usage came unasked")
    holds(len(chunks) > 4, f"only {len(chunks)} chunks: not streamed")


@case("openai", "stream usage")
def stream_usage(base, model):
    options = {"include_usage": True}
    chunks = list(client(base).chat.completions.create(model=model, messages=user(), stream=True, stream_options=options))
    equal(chunks[-1].choices, [], "choices of the usage chunk")
    holds(chunks[-1].usage.completion_tokens > 0, f"usage: {chunks[-1].usage}")
    equal(len([c for c in chunks if c.usage]), 1, "usage chunks")


@case("openai", "tools")
def tools(base, model):
    answer = client(base).chat.completions.create(model=model, messages=user(), tools=[TOOL, OTHER])
    choice = answer.choices[0]
    equal(choice.finish_reason, "tool_calls", "finish reason")
    calls = choice.message.tool_calls
    equal([c.function.name for c in calls], ["weather", "clock"], "names")
    equal(parsed(calls[0].function.arguments), {"city": "Paris"}, "arguments")
    holds(calls[0].id and calls[0].id != calls[1].id, "ids differ")
    equal(calls[0].type, "function", "type")
    results = [{"role": "tool", "tool_call_id": c.id, "content": f"{c.function.name} ok"} for c in calls]
    messages = [*user(), choice.message, *results]
    answer = client(base).chat.completions.create(model=model, messages=messages, tools=[TOOL, OTHER])
    equal(answer.choices[0].message.content, "The tool said: weather ok and clock ok", "answer to the results")


@case("openai", "stream tools")
def stream_tools(base, model):
    calls, finishes = {}, []
    for chunk in client(base).chat.completions.create(model=model, messages=user(), tools=[TOOL, OTHER], stream=True):
        for choice in chunk.choices:
            finishes += [choice.finish_reason] if choice.finish_reason else []
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
                holds(delta.id or call["id"], "the id comes first")
                call["id"] += delta.id or ""
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
    equal(finishes, ["tool_calls"], "finish reasons")
    equal([c["name"] for c in calls.values()], ["weather", "clock"], "names")
    equal([parsed(c["arguments"]) for c in calls.values()], [{"city": "Paris"}] * 2, "arguments")


@case("openai", "tool choice")
def tool_choice(base, model):
    named = {"type": "function", "function": {"name": "clock"}}
    answer = client(base).chat.completions.create(model=model, messages=user(), tools=[TOOL, OTHER], tool_choice="none")
    equal(answer.choices[0].message.content, f"You said: {ASK}", "with tool_choice none")
    answer = client(base).chat.completions.create(model=model, messages=user(), tools=[TOOL, OTHER], tool_choice="required")
    equal(answer.choices[0].finish_reason, "tool_calls", "with tool_choice required")
    answer = client(base).chat.completions.create(model=model, messages=user(), tools=[TOOL, OTHER], tool_choice=named)
    equal([c.function.name for c in answer.choices[0].message.tool_calls], ["clock"], "the named one")


@case("openai", "image")
def image(base, model):
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    answer = client(base).chat.completions.create(model=model, messages=user(parts))
    equal(answer.choices[0].message.content, "I see 1 image. You said: look", "content")


@case("openai", "structured output")
def structured(base, model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
              "required": ["name", "age"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
    answer = client(base).chat.completions.create(model=model, messages=user("I am Ann"), response_format=form)
    equal(parsed(answer.choices[0].message.content), {"name": "Ann", "age": 42}, "content")


@case("openai", "limits")
def limits(base, model):
    answer = client(base).chat.completions.create(model=model, messages=user("a b c d"), max_tokens=3)
    equal((answer.choices[0].finish_reason, answer.choices[0].message.content), ("length", "You said: a"))
    answer = client(base).chat.completions.create(model=model, messages=user("a b c d"), stop=[" c"])
    equal((answer.choices[0].finish_reason, answer.choices[0].message.content), ("stop", "You said: a b"))


@case("openai", "responses")
def responses(base, model):
    answer = client(base).responses.create(model=model, input=ASK, instructions="Be kind.")
    equal(answer.output_text, f"You said: {ASK}", "text")
    equal(answer.status, "completed", "status")
    holds(answer.usage.output_tokens > 0, f"usage: {answer.usage}")


@case("openai", "responses stream")
def responses_stream(base, model):
    events = list(client(base).responses.create(model=model, input=ASK, stream=True))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    equal(text, f"You said: {ASK}", "text")
    equal((events[0].type, events[-1].type), ("response.created", "response.completed"))
    equal([e.sequence_number for e in events], list(range(len(events))), "sequence numbers")
    equal(events[-1].response.output_text, text, "final text")


@case("openai", "responses tools")
def responses_tools(base, model):
    tool = {"type": "function", "name": "weather", "description": "The weather.", "parameters": CITY, "strict": False}
    api = client(base).responses
    answer = api.create(model=model, input=[{"role": "user", "content": ASK}], tools=[tool])
    call = next(item for item in answer.output if item.type == "function_call")
    equal((call.name, parsed(call.arguments)), ("weather", {"city": "Paris"}))
    turns = [{"role": "user", "content": ASK}, *[item.to_dict() for item in answer.output],
             {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    equal(api.create(model=model, input=turns, tools=[tool]).output_text, "The tool said: sunny", "answer to the result")
    events = list(api.create(model=model, input=ASK, tools=[tool], stream=True))
    arguments = "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta")
    equal(parsed(arguments), {"city": "Paris"}, "streamed arguments")


@case("openai", "completions")
def completions(base, model):
    answer = client(base).completions.create(model=model, prompt="once upon", max_tokens=50)
    equal(answer.choices[0].text, "You said: once upon", "text")
    chunks = client(base).completions.create(model=model, prompt="once upon", max_tokens=50, stream=True)
    equal("".join(c.choices[0].text for c in chunks if c.choices), "You said: once upon", "streamed text")


@case("openai", "embeddings", skip=("anthropic",))
def embeddings(base, model):
    answer = client(base).embeddings.create(model=model, input=["a", "b", "a"])
    vectors = [item.embedding for item in answer.data]
    equal(len(vectors), 3, "vectors")
    holds(vectors[0] == vectors[2] != vectors[1], "vectors depend on their texts")
    holds(all(isinstance(x, float) for x in vectors[0]), "floats")
    plain = client(base).embeddings.create(model=model, input="a", encoding_format="float").data[0].embedding
    holds(all(abs(a - b) < 1e-5 for a, b in zip(plain, vectors[0], strict=True)), "base64 and plain agree")


@case("openai", "request ids", skip=("direct",))
def request_ids(base, model):
    api = client(base).chat.completions
    holds(api.create(model=model, messages=user())._request_id, "of an answer")
    holds(api.with_raw_response.create(model=model, messages=user(), stream=True).request_id, "of a stream")
    error = raises(openai.RateLimitError, lambda: api.create(model=broken(model, "-429"), messages=user()), 429)
    holds(error.request_id, "of an error")


@case("openai", "parsed", skip=("direct",))
def parsed_answers(base, model):
    class Person(pydantic.BaseModel):
        name: str
        age: int

    ann = Person(name="Ann", age=42)
    answer = client(base).chat.completions.parse(model=model, messages=user("I am Ann"), response_format=Person)
    equal(answer.choices[0].message.parsed, ann, "chat")
    with client(base).responses.stream(model=model, input="I am Ann", text_format=Person) as events:
        events.until_done()
        equal(events.get_final_response().output_parsed, ann, "a streamed response")


@case("openai", "state refused", skip=("direct", "openai", "vllm", "lmstudio"))
def state_refused(base, model):
    for field, value in {"previous_response_id": "resp_1", "background": True, "conversation": "conv_1"}.items():
        call = lambda field=field, value=value: client(base).responses.create(model=model, input="x", **{field: value})  # noqa: E731
        equal(raises(openai.BadRequestError, call, 400).param, field, "the field")


@case("openai", "models")
def models(base, model):
    names = [m.id for m in client(base).models.list()]
    holds(model in names, f"{model} is not in {names}")
    equal(client(base).models.retrieve(model).id, model, "one model")


@case("openai", "errors")
def errors(base, model):
    api = client(base).chat.completions
    error = raises(openai.RateLimitError, lambda: api.create(model=broken(model, "-429"), messages=user()), 429)
    equal(error.response.headers.get("retry-after"), "1", "Retry-After")
    equal(error.response.headers.get("x-should-retry"), "false", "whether to try again")
    error = raises(openai.BadRequestError, lambda: api.create(model=broken(model, "-context"), messages=user()), 400)
    holds("maximum context length" in error.message, f"the provider's words: {error.message}")
    raises(openai.RateLimitError, lambda: list(api.create(model=broken(model, "-429"), messages=user(), stream=True)), 429)
    raises(openai.InternalServerError, lambda: api.create(model=broken(model, "-overloaded"), messages=user()))
    raises(openai.NotFoundError, lambda: api.create(model="no-such-model", messages=user()), 404)
