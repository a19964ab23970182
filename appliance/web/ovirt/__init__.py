"""oVirt's engine API (REST v4) under /ovirt-engine, for oVirt's own SDK and tools: it translates, and calls the services of `admin`."""
