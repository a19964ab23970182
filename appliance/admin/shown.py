"""A transfer as it is shown."""

from appliance.admin import kinds, live, models, phases, ranges, rights, views
from appliance.admin.phases import Phase
from appliance.admin.pipeline import record


class Shown:
    def __init__(self, live: live.Live, proxy: str):
        """`proxy` is where clients reach the bytes that pass through here: `https://host:port`."""
        self._live = live
        self._proxy = proxy

    def view(self, user: views.User, transfer: models.Transfer) -> views.Transfer:
        """As `user` may see it."""
        progress = self._live.progress(transfer)
        phase = Phase(transfer.phase)
        mine = rights.moves(user, transfer)
        actions = phases.actions(phase) if mine else ()
        if kinds.download(transfer) or kinds.begins(transfer):
            actions = tuple(action for action in actions if action != "pause")
        if kinds.imported(transfer):
            actions = tuple(action for action in actions if action != "finalize")
        if kinds.of_disk(transfer) and phase is Phase.FINALIZING_SUCCESS:
            actions = ()
        # Whoever knows the ticket's id may move its bytes.
        open_for_bytes = mine and kinds.of_disk(transfer) and phase is Phase.TRANSFERRING and transfer.ticket is not None
        return views.Transfer(
            id=transfer.id,
            image_id=transfer.image_id,
            name=transfer.name,
            direction=transfer.direction,
            phase=str(phase),
            reason=transfer.reason,
            reason_code=transfer.reason_code,
            size=transfer.size,
            format=transfer.format,
            content_type=transfer.content_type,
            domain=views.Ref(transfer.domain.id, transfer.domain.name),
            host=views.Ref(transfer.host.id, transfer.host.name) if transfer.host_id else None,
            owner=transfer.owner.name,
            client=transfer.client,
            durable=progress.durable,
            durable_bytes=ranges.total(progress.durable),
            transferred_bytes=progress.transferred,
            verify=self._verify(transfer) if phase is Phase.FINALIZING_SUCCESS else None,
            expected_sha256=transfer.expected_sha256,
            sha256=(transfer.verdict or {}).get("sha256"),
            modified=transfer.modified,
            actions=actions,
            created_at=transfer.created_at,
            updated_at=transfer.updated_at,
            expires_at=transfer.expires_at,
            inactivity_timeout=transfer.inactivity_timeout,
            timeout_policy=transfer.timeout_policy,
            shallow=transfer.shallow,
            filename=transfer.filename,
            correlation_id=transfer.correlation_id,
            transfer_url=self._url(transfer.host.public or self._proxy, transfer) if open_for_bytes else None,
            proxy_url=self._url(self._proxy, transfer) if open_for_bytes else None,
            imported=self._import(transfer) if kinds.imported(transfer) else None,
        )

    def _verify(self, transfer: models.Transfer) -> dict | None:
        """What the host is doing with it. What a client staged goes through the steps of imports."""
        run = self._live.imports.get(transfer.id)
        if transfer.imported is None or run is None:
            return self._live.verify.get(transfer.id)
        step, (done, total) = record.following(transfer.imported.steps), run.step
        return {"step": step["name"], "done": done, "total": total or 0} if step and not kinds.imported(transfer) else None

    def _import(self, transfer: models.Transfer) -> views.Import:
        source, run = transfer.imported, self._live.imports.get(transfer.id)
        assert source is not None
        progress = run.progress if run else None
        fetched = progress.fetched if progress else source.fetched
        fetching, at = transfer.phase != Phase.FINALIZING_SUCCESS, run.step if run else (0, None)
        return views.Import(
            url=source.url,
            source_size=source.source_size,
            source_format=source.source_format,
            compression=source.compression,
            sized=source.sized,
            checksum=source.checksum,
            resumable=source.resumable,
            not_before=source.not_before,
            fetched_bytes=fetched,
            rate=progress.rate if progress else 0.0,
            restarts=progress.restarts if progress else 0,
            trouble=progress.trouble if progress else "",
            wanted_format=source.wanted_format,
            compressed=source.compressed,
            tags=tuple(source.tags),
            properties=dict(source.properties),
            steps=tuple(record.view(step, *((fetched, source.source_size) if fetching else at)) for step in source.steps),
        )

    @staticmethod
    def _url(base: str, transfer: models.Transfer) -> str:
        return f"{base}/images/{transfer.ticket}"
