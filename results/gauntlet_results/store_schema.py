# SPDX-License-Identifier: Apache-2.0
"""The store's tables, as steps: a new store takes all of them, an older one those it lacks.

A step is never changed once it has been on main; what is new goes into another one. PRAGMA user_version counts the steps
taken, application_id says that the file is ours.
"""

APPLICATION = 0x47544C54  # "GTLT"

STEPS = (
    # 1: runs, their cells, their series
    """
    CREATE TABLE machines (
      id    INTEGER PRIMARY KEY,
      key   TEXT NOT NULL UNIQUE,     -- model.machine_key
      facts TEXT NOT NULL             -- JSON: model.machine_facts
    ) STRICT;
    CREATE TABLE runs (
      id          INTEGER PRIMARY KEY,
      hash        TEXT NOT NULL UNIQUE,  -- of the content: ResultSet.id
      key         TEXT NOT NULL UNIQUE,  -- of the run: stays when cells are added
      label       TEXT NOT NULL,
      date        TEXT NOT NULL,         -- UTC, ISO 8601
      revision    TEXT NOT NULL,
      dirty       TEXT,
      seed        TEXT,                  -- 64 bits without sign do not fit an INTEGER
      host        TEXT,
      machine     INTEGER NOT NULL REFERENCES machines(id),
      environment TEXT NOT NULL,         -- JSON
      source      TEXT,                  -- where it was read
      complete    INTEGER NOT NULL,
      problems    TEXT NOT NULL,         -- JSON: lines
      imported    TEXT NOT NULL          -- UTC, ISO 8601
    ) STRICT;
    CREATE INDEX runs_by_date ON runs(date);
    CREATE INDEX runs_by_revision ON runs(revision, date);
    CREATE TABLE cells (
      id      INTEGER PRIMARY KEY,
      run     INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
      name    TEXT NOT NULL,
      kind    TEXT NOT NULL,
      verdict TEXT NOT NULL,
      why     TEXT,
      attrs   TEXT NOT NULL,             -- JSON
      UNIQUE (name, run)
    ) STRICT;
    CREATE INDEX cells_by_run ON cells(run);
    CREATE TABLE series (
      cell    INTEGER NOT NULL REFERENCES cells(id) ON DELETE CASCADE,
      metric  TEXT NOT NULL,
      unit    TEXT NOT NULL,
      better  TEXT NOT NULL CHECK (better IN ('lower', 'higher', 'none')),
      n       INTEGER NOT NULL,
      median  REAL NOT NULL,
      low     REAL NOT NULL,             -- 95 % interval of the median
      high    REAL NOT NULL,
      q1      REAL NOT NULL,
      q3      REAL NOT NULL,
      samples BLOB NOT NULL,             -- n doubles, little-endian, in the order of measurement
      PRIMARY KEY (cell, metric)
    ) STRICT, WITHOUT ROWID;
    """,
    # 2: what `gauntlet noise` measured; what is made of it: noise_floor.py
    """
    CREATE TABLE noise (
      id       TEXT PRIMARY KEY,         -- hash of the document
      machine  TEXT NOT NULL,            -- model.machine_key
      date     TEXT NOT NULL,            -- UTC, ISO 8601
      revision TEXT NOT NULL,
      document TEXT NOT NULL             -- JSON: noise.document_of
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX noise_by_machine ON noise(machine, date);
    """,
)

VERSION = len(STEPS)
