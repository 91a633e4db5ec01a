"""What Gradio makes and keeps that the hub does without."""

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


def test_a_site_of_many_demos_makes_no_web_app_for_each(hub_of, sample, tmp_path, monkeypatch):
    from dataclasses import replace

    from gradio.routes import App

    from hub.site.pages import build_site

    make, made = App.create_app, []
    monkeypatch.setattr(App, "create_app", lambda *a, **k: made.append(1) or make(*a, **k))
    with hub_of(tmp_path, sample) as one:
        assert build_site(one).problems == {}
    alone = len(made)
    more = [replace(sample, name=f"more{number}") for number in range(3)]
    with hub_of(tmp_path, sample, *more) as four:
        assert build_site(four).problems == {}
    assert len(made) == 2 * alone
