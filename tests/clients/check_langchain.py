"""LangChain's chat models and embeddings for the three dialects."""

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from cases import ASK, PNG, broken, case, equal, holds, raises


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"fair in {city}"


def openai(base, model):
    return ChatOpenAI(base_url=f"{base}/v1", api_key="none", model=model, max_retries=0, timeout=20)


def anthropic(base, model):
    return ChatAnthropic(base_url=base, api_key="none", model=model, max_retries=0, timeout=20, max_tokens=500)


def ollama(base, model):
    return ChatOllama(base_url=base, model=model)


def text_of(message):
    if isinstance(message.content, str):
        return message.content
    return "".join(part.get("text", "") for part in message.content if isinstance(part, dict))


def plain(chat):
    answer = chat.invoke([SystemMessage("Be kind."), HumanMessage(ASK)])
    equal(text_of(answer), f"You said: {ASK}", "text")
    holds(answer.usage_metadata["output_tokens"] > 0, f"usage: {answer.usage_metadata}")


def streamed(chat):
    chunks = list(chat.stream([HumanMessage(ASK)]))
    equal("".join(text_of(chunk) for chunk in chunks), f"You said: {ASK}", "text")
    holds(len(chunks) > 4, f"only {len(chunks)} chunks: not streamed")


def tools(chat):
    bound = chat.bind_tools([weather])
    answer = bound.invoke([HumanMessage(ASK)])
    equal([(c["name"], c["args"]) for c in answer.tool_calls], [("weather", {"city": "Paris"})], "calls")
    call = answer.tool_calls[0]
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    equal(text_of(bound.invoke([HumanMessage(ASK), answer, result])), "The tool said: fair in Paris", "answer")


def stream_tools(chat):
    whole = None
    for chunk in chat.bind_tools([weather]).stream([HumanMessage(ASK)]):
        whole = chunk if whole is None else whole + chunk
    equal([(c["name"], c["args"]) for c in whole.tool_calls], [("weather", {"city": "Paris"})], "calls")


def image(chat):
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    # The Ollama class puts a line end before each text part.
    equal(text_of(chat.invoke([HumanMessage(parts)])).replace("\n", ""), "I see 1 image. You said: look", "text")


def errors(make):
    error = raises(Exception, lambda: make("-429").invoke([HumanMessage(ASK)]))
    equal(getattr(error, "status_code", None), 429, f"status of {type(error).__name__}: {error}")


def register(name, make):
    for what, check in (("chat", plain), ("stream", streamed), ("tools", tools), ("stream tools", stream_tools), ("image", image)):
        case(f"langchain-{name}", what)(lambda base, model, check=check: check(make(base, model)))
    case(f"langchain-{name}", "errors")(lambda base, model: errors(lambda end: make(base, broken(model, end))))


register("openai", openai)
register("anthropic", anthropic)
register("ollama", ollama)


def vectors(embeddings):
    a, b = embeddings.embed_documents(["a", "b"])
    holds(a != b and embeddings.embed_query("a") == a, "vectors depend on their texts")


@case("langchain-openai", "embeddings", skip=("anthropic",))
def openai_embeddings(base, model):
    vectors(OpenAIEmbeddings(base_url=f"{base}/v1", api_key="none", model=model, check_embedding_ctx_length=False, max_retries=0))


@case("langchain-ollama", "embeddings", skip=("anthropic",))
def ollama_embeddings(base, model):
    vectors(OllamaEmbeddings(base_url=base, model=model))
