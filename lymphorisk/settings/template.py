"""The clinic file as `lymphorisk init` writes it: every key there is, commented, with what holds without it."""

from __future__ import annotations

TEMPLATE = """\
# lymphorisk.toml: what this clinic says once, for every call.
# Found by --config, LYMPHORISK_CONFIG, in the working folder, then in the user's configuration folder.
# An option that is typed wins; every result names the settings that came from here, and this file's hash.
# `lymphorisk doctor` shows what is in force. Lines that begin with # change nothing. Relative paths start here.

# name = "Our clinic"

# [organs]                            # this clinic's ROI names by TG-263 name, beside those the program knows
# Spleen = ["SPL_v2", "Milz neu"]
# Heart = ["Cor"]

# [counts]
# unit = "10^9/L"                     # of counts that are typed; such as cells/uL
# lln = 1.0                           # the laboratory's lower limit of normal, in that unit

# [analysis]
# missing = "placed"                  # what an organ without contours gets: placed | diluted | refuse
# model = "models/ours"               # folder of the clinic's own predictor
# model_key = "models/ours.pem"       # public key: an own predictor must be signed by its other half

# [protocols]                         # by site: a shipped starter's name, or a .toml, .csv or .json file
# default = "auto"                    # of every other plan; auto takes the starter of the site the dose says
# lung = "protocols/lung.toml"

# [audit]
# folder = "audit"
# key = "audit.key"                   # seals the trail

# [receiver]                          # `lymphorisk listen`
# store = "store"                     # folder of received plans, results and the queue
# aet = "LYMPHORISK"
# host = "127.0.0.1"                  # 0.0.0.0 to be reached from other machines
# port = 11112
# associations = 10                   # at once
# object_mb = 1024                    # the largest object taken [MB]
# free_mb = 1024                      # space that must stay free on the disk [MB]
# quiet_s = 60                        # a course that is not whole is taken as it is after this time [s]
# health = 0                          # port of /healthz and /metrics on this machine; 0 for none
# [[receiver.peer]]                   # who may send; without any, nobody but this machine
# aet = "ECLIPSE"
# addresses = ["10.1.2.3", "10.1.3.0/24"]
# [receiver.tls]
# certificate = "tls/ours.pem"
# key = "tls/ours.key"
# trusted = "tls/senders.pem"         # senders must show a certificate of these

# [worker]                            # what one plan may take
# time_s = 600
# memory_mb = 8192

# [[sender]]                          # where structured reports and PDFs go
# aet = "PACS"
# host = "10.1.2.9"
# port = 104
# what = ["sr", "pdf"]
# [[sender]]
# web = "https://pacs.example/dicom-web"   # DICOMweb STOW; who sends is told by LYMPHORISK_DICOMWEB_USER and _PASSWORD

# [retention]                         # deleted by rule, said in the audit trail; without a number they stay
# received_d = 30                     # days after the result
# results_d = 3650

# [page]                              # `lymphorisk serve`, the web page
# host = "127.0.0.1"                  # another address needs TLS
# port = 8765
# users = "users.json"                # who may sign in, written by serve --add-user; in the store otherwise
# cohort = "cohort"                   # folder that `cohort` wrote, or a page of `cohort report`, shown as trends
# protocols = "protocols"             # folder in which the page makes new protocols; [protocols] puts one in force
# upload_mb = 4096                    # what one upload may hold [MB]
# [page.tls]
# certificate = "tls/page.pem"
# key = "tls/page.key"
"""
