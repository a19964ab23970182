"""The image API of OpenStack (Glance, version 2), as python-glanceclient and openstacksdk speak it: docs/glance.md tells what of it."""
