"""One module a peer. A new peer is a new module with the functions that it can answer for:

NAME, VERSION            how it is shown
STORES                   its stores on disk, by name
minimize(objective, n)   n trials of random search in memory
durable(store, folder, objective, n)        the same, kept on disk
prepare(store, folder, n), reopen(store, folder)     a study of n trials; open it
agent(store, folder, total, processes), make(store, folder), census(store, folder)  many processes
tpe_ask(dims, rows, values)    a function that asks and tells TPE once, after these trials
"""
