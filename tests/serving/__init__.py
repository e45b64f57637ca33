"""A running Custos for tests, and a client that knows nothing but HTTP.

`tree` is the whole `custos serve`: server, worker, schedule and broker as child processes. `inside` is the
server alone, in this process, with a doorbell that does every job before it returns. Both live on data
directories of their own and listen on free ports of the loopback interface; `fixtures` gives a test either.
"""
