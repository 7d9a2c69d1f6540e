internal import RDMATransport

/// `struct rdma_conn_param`; see `ParameterNames.swift`.
typealias CMExchange = ConnectionParameters
