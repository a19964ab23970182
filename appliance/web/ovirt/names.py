"""What oVirt has and the appliance does not: one data center and one cluster, with everything in them, always the same ones."""

from appliance.admin import views

DATA_CENTER = views.Ref("6d6d3c1e-2f5a-4c8e-9a53-0a7be1f3c0d1", "Default")
CLUSTER = views.Ref("b1f0a6a4-7f0e-4f6c-8f57-5d2c9e4b7a22", "Default")
