internal import LustreWire

/// Collects fields, and the words of the summary.
struct FieldList {
  private(set) var fields: [DecodedField] = []
  private var words: [String] = []

  var summary: String { words.joined(separator: " ") }

  mutating func add(_ name: String, _ value: some BinaryInteger) {
    fields.append(DecodedField(name: name, value: String(value)))
  }

  mutating func addHex(_ name: String, _ value: some FixedWidthInteger & UnsignedInteger) {
    fields.append(DecodedField(name: name, value: hexText(value)))
  }

  mutating func add(_ name: String, text: String) {
    fields.append(DecodedField(name: name, value: text))
  }

  mutating func say(_ text: String) { words.append(text) }
}

/// `0x` and hexadecimal digits.
func hexText(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
  "0x" + String(value, radix: 16)
}

/// Fields of the structures, named as Wireshark names them where it does.
extension FieldList {
  mutating func add(_ envelope: O2IBEnvelope) {
    addHex("lnet.ib.magic", O2IBProtocol.magic)
    addHex("lnet.ib.version", envelope.version)
    addHex("lnet.ib.type", envelope.type.rawValue)
    add("lnet.ib.credits", envelope.credits)
    add("lnet.ib.nob", envelope.byteCount)
    addHex("lnet.ib_csum", envelope.checksum)
    add("lnet.src_nid", text: envelope.sourceNID.description)
    addHex("lnet.ib.srcstamp", envelope.sourceStamp)
    add("lnet.dest_nid", text: envelope.destinationNID.description)
    addHex("lnet.ib.dststamp", envelope.destinationStamp)
  }

  mutating func add(_ parameters: ConnectionParameters) {
    add("lnet.connparam.qdepth", parameters.queueDepth)
    add("lnet.connparam.max_frags", parameters.maximumFragments)
    add("lnet.connparam.max_size", parameters.maximumMessageBytes)
    say("depth \(parameters.queueDepth) frags \(parameters.maximumFragments)")
    say("size \(parameters.maximumMessageBytes)")
  }

  mutating func add(_ reject: O2IBReject) {
    addHex("ibr_magic", O2IBProtocol.magic)
    addHex("ibr_version", reject.version)
    add("ibr_why", reject.reason.rawValue)
    addHex("ibr_incarnation", reject.incarnation)
    say("\(reject.reason) incarnation \(hexText(reject.incarnation))")
    add(reject.parameters)
  }

  mutating func add(_ header: LNetHeader) {
    add("lnet.dest_nid", text: header.destination.nid.description)
    add("lnet.src_nid", text: header.source.nid.description)
    add("lnet.dest_pid", header.destination.pid)
    add("lnet.src_pid", header.source.pid)
    add("lnet.msg_type", header.body.type)
    add("lnet.payload_length", header.payloadLength)
    say("\(header.body.name)")
    switch header.body {
    case .ack(let ack):
      add(ack.destinationHandle)
      addHex("lnet.msg_dst_match_bits", ack.matchBits)
      add("lnet.msg_length", ack.depositedBytes)
      say("match \(hexText(ack.matchBits)) deposited \(ack.depositedBytes)")
    case .put(let put):
      add(put.acknowledgeHandle)
      addHex("lnet.msg_dst_match_bits", put.matchBits)
      addHex("lnet.msg_hdr_data", put.headerData)
      add("lnet.ptl_index", put.portal.rawValue)
      add("lnet.offset", put.offset)
      say("portal \(put.portal) match \(hexText(put.matchBits)) offset \(put.offset)")
      say("bytes \(header.payloadLength)")
      if !put.acknowledgeHandle.isNone { say("ack wanted") }
    case .get(let get):
      add(get.returnHandle)
      addHex("lnet.msg_dst_match_bits", get.matchBits)
      add("lnet.ptl_index", get.portal.rawValue)
      add("lnet.src_offset", get.sourceOffset)
      add("lnet.sink_length", get.sinkLength)
      say("portal \(get.portal) match \(hexText(get.matchBits)) sink \(get.sinkLength)")
    case .reply(let reply):
      add(reply.destinationHandle)
      say("bytes \(header.payloadLength)")
    case .hello(let hello):
      addHex("lnet.hello_incarnation", hello.incarnation)
      add("lnet.hello_type", hello.connectionType)
    }
  }

  private mutating func add(_ handle: WireHandle) {
    addHex("lnet.msg_dst_interface_cookie", handle.interfaceCookie)
    addHex("lnet.msg_dst_object_cookie", handle.objectCookie)
  }

  mutating func add(_ completion: O2IBCompletion) {
    addHex("lnet.o2ib.cookie", completion.cookie)
    add("lnet.o2ib.status", completion.status)
    say("cookie \(hexText(completion.cookie)) status \(completion.status)")
  }

  mutating func add(_ descriptor: RDMADescriptor, in bytes: borrowing RawSpan) {
    addHex("lnet.rdma.key", descriptor.remoteKey)
    add("lnet.rdma.nfrags", descriptor.fragmentCount)
    for index in 0..<descriptor.fragmentCount {
      let fragment = descriptor.fragment(at: index, in: bytes)
      add("lnet.rdma_frag.size", fragment.byteCount)
      addHex("lnet.rdma_frag.addr", fragment.address)
    }
    say("key \(hexText(descriptor.remoteKey)) fragments \(descriptor.fragmentCount)")
    say("sink bytes \(descriptor.totalByteCount(in: bytes))")
  }

  mutating func add(_ info: PingInfo) {
    addHex("pi_features", info.features.rawValue)
    add("pi_pid", info.pid)
    add("pi_nnis", info.entries.count)
    for entry in info.entries {
      add("ns_nid", text: entry.nid.description)
      addHex("ns_status", entry.status.rawValue)
      add("ns_msg_size", entry.messageByteCount)
    }
    for entry in info.largeEntries {
      add("ns_nid", text: entry.nid.description)
      addHex("ns_status", entry.status.rawValue)
    }
    let nids = info.entries.map(\.nid.description) + info.largeEntries.map(\.nid.description)
    say("ping info features \(hexText(info.features.rawValue)) [\(nids.joined(separator: " "))]")
  }
}
