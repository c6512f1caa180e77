"""The errors that the harness raises on purpose: the message says what is wrong, and where.

HarnessError
├── UsageError               an option or an argument can't be used
├── ScenarioError            a scenario can't be used
├── PlaceholderError         braces in a scenario that nothing fills (ValueError)
├── MissingVariableError     a variable of the caller that it names is not set (ValueError)
├── DiscoveryError           a command starts no server that a scenario can be written for
├── RevisionError            a commit can't be measured
├── BusyError                another comparison runs on this machine
├── LimitError               the machine grants no limits on CPU and memory
├── ServerError              a server did not start, or did not stay
│   └── PortTakenError       somebody took its port between choice and use
├── GeneratorError           the load generator came to no result
├── ProbeError               nothing that can be measured answers
├── ForeignProtocolError     something else than HTTP/1.1 answers
├── ProtocolError            bytes that are no HTTP/1.1 response
├── FleetError               a fleet can't be used
│   └── LostHostError        one of its hosts is not heard any more
├── CallError                a call to a host came to no result
│   └── RefusedError         since the host does not do it
├── RunFolderError           a run folder can't be read or written
├── FileError                a file of it must not be used
├── PlanningError            no plan can be made from a run
├── BeyondDataError          the measurements do not carry what was asked of them (ValueError)
├── SaturatedError           a queue that grows without end (ValueError)
└── ScalingError             no scaling curve can be fitted (ValueError)
"""


class HarnessError(Exception):
    """The base of them all."""
