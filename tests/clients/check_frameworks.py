"""Libraries that applications are built on: LiteLLM and Pydantic AI, each with every way it has to speak to a server."""

import asyncio
import os
import threading

# Its list of prices would be fetched from afar.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import anthropic
import litellm
import openai
import pydantic
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from cases import ASK, CITY, broken, case, equal, holds, parsed

TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}]
# A loop for each thread: the clients keep connections for as long as it lives.
LOOPS = threading.local()
litellm.suppress_debug_info = True
ROUTES = {"openai": "/v1", "anthropic": "", "ollama_chat": "", "hosted_vllm": "/v1", "lm_studio": "/v1"}


def asked(base, route, model, content=ASK, **more):
    messages = more.pop("messages", [{"role": "user", "content": content}])
    place = {"api_base": base + ROUTES[route], "api_key": "none"}
    return litellm.completion(model=f"{route}/{model}", messages=messages, max_retries=0, **place, **more)


def each(route):
    @case(f"litellm {route}", "chat", skip=("direct",))
    def chat(base, model):
        answer = asked(base, route, model)
        equal(answer.choices[0].message.content, f"You said: {ASK}", "content")
        holds(answer.usage.completion_tokens > 0, f"usage: {answer.usage}")
        chunks = asked(base, route, model, stream=True)
        equal("".join(c.choices[0].delta.content or "" for c in chunks), f"You said: {ASK}", "streamed")

    @case(f"litellm {route}", "tools", skip=("direct",))
    def tools(base, model):
        message = asked(base, route, model, tools=TOOLS).choices[0].message
        call = message.tool_calls[0]
        equal((call.function.name, parsed(call.function.arguments)), ("weather", {"city": "Paris"}), "call")
        turns = [{"role": "user", "content": ASK}, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        equal(asked(base, route, model, messages=turns, tools=TOOLS).choices[0].message.content, "The tool said: sunny")
        whole = litellm.stream_chunk_builder(list(asked(base, route, model, tools=TOOLS, stream=True)))
        equal(parsed(whole.choices[0].message.tool_calls[0].function.arguments), {"city": "Paris"}, "streamed")

    @case(f"litellm {route}", "errors", skip=("direct",))
    def errors(base, model):
        try:
            asked(base, route, broken(model, "-429"))
        except litellm.RateLimitError:
            return
        except litellm.APIConnectionError as error:
            # Its Ollama route knows one error only; the reason stands in it.
            holds("Rate limit" in str(error), str(error))
            return
        raise AssertionError("an answer in spite of 429")


def run(work):
    if not hasattr(LOOPS, "loop"):
        LOOPS.loop, LOOPS.clients = asyncio.new_event_loop(), []
    try:
        LOOPS.loop.run_until_complete(work)
    finally:
        # Left to the collector, a socket may be closed by another thread; the loop then takes its number for known, and
        # waits for ever on the next one that gets it.
        while LOOPS.clients:
            LOOPS.loop.run_until_complete(LOOPS.clients.pop().close())


def opened(client):
    """A client that is closed behind the case."""
    LOOPS.clients.append(client)
    return client


def openai_provider(base):
    client = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=60)
    return OpenAIProvider(openai_client=opened(client))


def anthropic_provider(base):
    client = anthropic.AsyncAnthropic(base_url=base, api_key="none", max_retries=0, timeout=60)
    return AnthropicProvider(anthropic_client=opened(client))


class Person(pydantic.BaseModel):
    name: str
    age: int


def agents(kind, make):
    @case(f"pydantic-ai {kind}", "run", skip=("direct",))
    def plain(base, model):
        async def go():
            answer = await Agent(make(base, model), instructions="Be kind.").run(ASK)
            equal(answer.output, f"You said: {ASK}", "output")
            async with Agent(make(base, model)).run_stream(ASK) as stream:
                equal("".join([piece async for piece in stream.stream_text(delta=True)]), f"You said: {ASK}", "streamed")

        run(go())

    @case(f"pydantic-ai {kind}", "tools", skip=("direct",))
    def tools(base, model):
        async def go():
            agent = Agent(make(base, model))
            agent.tool_plain(weather)
            answer = await agent.run(ASK)
            equal(answer.output, "The tool said: sunny in Paris", "output")
            async with agent.run_stream(ASK) as stream:
                equal(await stream.get_output(), "The tool said: sunny in Paris", "streamed")
            holds((await agent.run("more", message_history=answer.all_messages())).output, "the history is taken back")

        run(go())

    @case(f"pydantic-ai {kind}", "structured", skip=("direct",))
    def structured(base, model):
        async def go():
            answer = await Agent(make(base, model), output_type=Person).run("I am Ann")
            equal((type(answer.output), answer.output.age), (Person, 42), "output")

        run(go())

    @case(f"pydantic-ai {kind}", "errors", skip=("direct",))
    def errors(base, model):
        async def go():
            try:
                await Agent(make(base, broken(model, "-429"))).run(ASK)
            except ModelHTTPError as error:
                equal(error.status_code, 429, "status")
                return
            raise AssertionError("an answer in spite of 429")

        run(go())


def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


for name in ROUTES:
    each(name)
agents("chat", lambda base, model: OpenAIChatModel(model, provider=openai_provider(base)))
agents("responses", lambda base, model: OpenAIResponsesModel(model, provider=openai_provider(base)))
agents("anthropic", lambda base, model: AnthropicModel(model, provider=anthropic_provider(base)))
