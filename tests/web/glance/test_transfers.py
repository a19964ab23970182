"""What Glance's clients start, as the native API lists it."""


def test_what_a_glance_client_sent_is_listed_among_all_transfers(glance, appliance):
    image = glance.image(b"x" * 1000)

    reply = appliance.call("GET", "/transfers")

    assert reply.status == 200, reply.text
    assert {each["client"] for each in reply.json["items"] if each["image_id"] == image["id"]} == {"glance"}
