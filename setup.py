"""The package: what it depends on (ranges; exact versions are in requirements.lock) and which commands it installs."""

from setuptools import find_packages, setup

setup(
    name="image-appliance",
    version="0.1.0",
    description="Upload ISOs and disk images of any size to the storage of KVM hosts",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["appliance", "appliance.*", "imaged", "imaged.*"]),
    package_data={
        "appliance": ["static/**/*", "templates/*.html", "admin/migrations/*.mako", "admin/migrations/versions/*.py"],
    },
    install_requires=[
        "alembic>=1.13",
        "argon2-cffi>=23.1",
        # What the standard library has from 3.14 on, under the same names.
        "backports.zstd>=1.0; python_version < '3.14'",
        "CherryPy>=18.10,<19",
        # httpd/body.py reads the raw socket under cheroot's request object: the internals it touches are pinned.
        "cheroot>=11.1,<11.2",
        "click>=8.1",
        "cryptography>=44",
        "Jinja2>=3.1",
        "lxml>=5,<7",
        "oslo.utils[image-inspection]>=10.1",
        "prometheus-client>=0.21",
        # volumes/iso.py uses its readers, below what it promises to keep as it is: pinned.
        "pycdlib>=1.22,<1.23",
        "pydantic>=2.7",
        "PyJWT>=2.8",
        "rich>=13",
        "SQLAlchemy>=2.0.30",
        "urllib3>=2.3,<3",
        "WebOb>=1.8.8",
    ],
    extras_require={
        "dev": [
            "hypothesis",
            "import-linter",
            "mypy",
            # The real clients, which our images service and the faces of oVirt and Glance are tested with: nothing of the product
            # imports them.
            "openstacksdk==4.22.0",
            "ovirt-engine-sdk-python==4.6.3",
            "ovirt-imageio==2.5.1",
            "psutil",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "python-glanceclient==4.13.0",
            "ruff",
            "schemathesis",
            "selenium",
        ],
    },
    entry_points={
        "console_scripts": [
            "image-appliance = appliance.cli:main",
            "imaged = imaged.cli:main",
            "imaged-ctl = imaged.ctl:main",
        ],
        # Where images come from when nobody uploads them: one class for each scheme of a URL (docs/architecture.md, "Imports").
        "image_appliance.sources": [
            "http = appliance.transfer.sources.web:Web",
            "https = appliance.transfer.sources.web:Web",
            "file = appliance.transfer.sources.folder:Folder",
        ],
        # What is done with an image on its arrival (docs/import-steps.md). Those that stream have only their place here.
        "image_appliance.import_steps": [
            "inspect = appliance.admin.pipeline.builtin:streamed",
            "verify-checksum = appliance.admin.pipeline.builtin:streamed",
            "decompress = appliance.admin.pipeline.builtin:streamed",
            "validate = appliance.admin.pipeline.builtin:validate",
            "convert = appliance.admin.pipeline.builtin:convert",
            "register = appliance.admin.pipeline.builtin:register",
        ],
    },
)
