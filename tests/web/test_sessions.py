"""What Gradio keeps of each caller and visitor."""

import httpx
from gradio_client import Client


def test_a_call_without_a_session_leaves_nothing_behind(site, url):
    sessions = site.site.blocks.app.state_holder.session_data
    before = set(sessions)
    api = f"{url}gradio_api/call/sample_greet"
    event = httpx.post(api, json={"data": ["Ada"]}).json()["event_id"]
    assert "Hello Ada" in httpx.get(f"{api}/{event}").text
    assert set(sessions) == before


def test_a_session_holds_what_changed_in_it_and_not_the_site(site, url):
    sessions = site.site.blocks.app.state_holder.session_data
    before = set(sessions)
    client = Client(url, verbose=False)
    assert client.predict("Ada", api_name="/sample_greet")["text"] == "Hello Ada"
    [new] = set(sessions) - before
    assert len(sessions[new].config_values) < 5 < len(site.site.blocks.blocks)
