"""One unit of work: every repository over one connection."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from storage.catalogue.access import SqlAccess
from storage.catalogue.cases import SqlCases, SqlLinks
from storage.catalogue.clips import SqlClips
from storage.catalogue.custody_log import SqlCustodyLog
from storage.catalogue.dispatches import SqlDispatches
from storage.catalogue.disposal import SqlDisposals
from storage.catalogue.dossier import SqlDossier
from storage.catalogue.exports import SqlExports
from storage.catalogue.figures import SqlFigures
from storage.catalogue.fixity import SqlFixity
from storage.catalogue.holdings import SqlItems
from storage.catalogue.intake import SqlUploads
from storage.catalogue.journal import SqlJournal
from storage.catalogue.lateness import SqlLateness
from storage.catalogue.log import Emitter, SqlEvents
from storage.catalogue.marks import SqlMarks
from storage.catalogue.oversight import SqlOversight, SqlViewings
from storage.catalogue.parts import SqlParts
from storage.catalogue.people import SqlAgents
from storage.catalogue.playbacks import SqlPlaybacks
from storage.catalogue.recordings import SqlRecordings
from storage.catalogue.replicas import SqlReplicas
from storage.catalogue.retention import SqlRetention
from storage.catalogue.reviews import SqlReviews
from storage.catalogue.revocation import SqlRevocation
from storage.catalogue.search import SqlSearch
from storage.catalogue.units import SqlUnits
from storage.catalogue.work import SqlJobs


class SqlTransaction:
    """`evidence.ports.catalogue.Transaction`; usable only inside the call that it was given to."""

    def __init__(self, connection: Connection, emitter: Emitter, zone: timedelta) -> None:
        self.connection = connection
        self.zone = zone
        self.figures = SqlFigures(connection, zone)
        self.agents = SqlAgents(connection)
        self.uploads = SqlUploads(connection)
        self.fixity = SqlFixity(connection)
        self.items = SqlItems(connection, self.figures, self.fixity)
        self.parts = SqlParts(connection)
        self.units = SqlUnits(connection)
        self.cases = SqlCases(connection)
        self.links = SqlLinks(connection, self.figures)
        self.access = SqlAccess(connection, self.figures)
        self.dossier = SqlDossier(connection)
        self.dispatches = SqlDispatches(connection)
        self.lateness = SqlLateness(connection)
        self.retention = SqlRetention(connection, self.figures)
        self.marks = SqlMarks(connection)
        self.playbacks = SqlPlaybacks(connection)
        self.clips = SqlClips(connection)
        self.reviews = SqlReviews(connection, self.figures)
        self.exports = SqlExports(connection)
        self.disposals = SqlDisposals(connection, self.figures)
        self.recordings = SqlRecordings(connection, self.figures)
        self.jobs = SqlJobs(connection)
        self.log = SqlCustodyLog(connection)
        self.journal = SqlJournal(connection)
        self.replicas = SqlReplicas(connection)
        self.revocation = SqlRevocation(connection)
        self.events = SqlEvents(connection, emitter)
        self.viewings = SqlViewings(connection)
        self.oversight = SqlOversight(connection)
        self.search = SqlSearch(connection)
