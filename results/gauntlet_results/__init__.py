# SPDX-License-Identifier: Apache-2.0
"""What Gauntlet does with results: records, the store, comparison, the page. Called by `gauntlet VERB`."""
