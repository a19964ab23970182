"""HTTP in, HTTP out: pages, the API, and the images service. Decides nothing: what exists and who may is `admin`'s."""
