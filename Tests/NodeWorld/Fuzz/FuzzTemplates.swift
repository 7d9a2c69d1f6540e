internal import Connections
internal import LNet
internal import LustreWire
internal import Simulation

/// What a hostile client begins with: a sound request of every opcode that is served, before it is bent.
struct FuzzTemplates {
  /// Whose connection a request goes over.
  enum Target: Int { case management, metadata, object }

  /// A lock that was granted, for those that name one.
  var lock = Cookie.none

  static let connectOpcodes: [Opcode] = [.mgsConnect, .mdsConnect, .ostConnect]
  static let portals: [Portal] = [.mgsRequest, .mdsRequest, .ostRequest]
  static let names = ["MGS", "lfs-MDT0000_UUID", "lfs-OST0000_UUID"]
  private static let roles: [ImportRole] = [.mgc, .mdc, .osc]

  static func connect(_ target: Target, as client: String, count: UInt32) -> FuzzedMessage {
    let place = target.rawValue
    var message = FuzzedMessage(
      connectOpcodes[place], portals[place],
      [
        (ObdUUID(names[place]) ?? ObdUUID()).encoded, (ObdUUID(client) ?? ObdUUID()).encoded,
        Cookie(rawValue: 0x77).encoded, Proposal(role: roles[place]).first.encoded, [],
      ])
    message.header.flags = []
    message.body.connectionCount = count
    message.body.connectFlags = .initial
    return message
  }

  static let count = 38

  func request(_ number: Int, _ source: inout ByteSource) -> (FuzzedMessage, Target) {
    switch number {
    case 0..<12: (objects(number, &source), .object)
    case 12..<20: transfers(number - 12, &source)
    case 20..<26: (metadata(number - 20, &source), .metadata)
    case 26..<34: (management(number - 26, &source), .management)
    default: others(number - 34, &source)
    }
  }

  // MARK: - Objects

  private func attributes(_ source: inout ByteSource) -> ObjectAttributes {
    var attributes = ObjectAttributes()
    attributes.object =
      switch source.next(below: 4) {
      case 0: ObjectID(FID(0x2_4000_0400, UInt32(source.next())))
      case 1: ObjectID(number: source.edge())
      default: .echo(UInt32(source.next() % 8))
      }
    attributes.valid = [.id, .group]
    if source.next() & 1 == 1 { attributes.valid.formUnion([.flags, .grant, .blocks, .size]) }
    if source.next() & 3 == 3 { attributes.valid = AttributeValid(rawValue: .max) }
    attributes.size = source.edge()
    attributes.blocks = source.edge()
    return attributes
  }

  private func objects(_ number: Int, _ source: inout ByteSource) -> FuzzedMessage {
    let opcodes: [Opcode] = [
      .ostGetAttributes, .ostSetAttributes, .ostCreate, .ostDestroy, .ostPunch, .ostSync,
      .ostStatfs, .ostGetInfo, .ostSetInfo, .ostCreate, .ostSeek, .ostAllocate,
    ]
    var attributes = attributes(&source)
    var buffers = [attributes.encoded]
    switch number {
    case 3: buffers.append(lockRequest(count: UInt32(source.next() % 3)))
    case 7:
      let id = FID(0x2_4000_0400, UInt32(source.next()))
      buffers = [Array("last_fid".utf8) + [0], id.encoded]
    case 8:
      attributes.valid = .grant
      attributes.grant = source.edge()
      buffers = [Array("grant_shrink".utf8) + [0], attributes.encoded]
    case 9:
      attributes.valid = [.id, .group, .flags]
      attributes.flags = source.next() & 1 == 0 ? .recreate : .deleteOrphans
      buffers = [attributes.encoded]
    default: break
    }
    let portal: Portal = opcodes[number] == .ostCreate ? .ostCreate : .ostRequest
    return FuzzedMessage(opcodes[number], portal, buffers)
  }

  private func transfers(_ number: Int, _ source: inout ByteSource) -> (FuzzedMessage, Target) {
    if number >= 6 { return (enqueue(number, &source), number == 6 ? .object : .management) }
    var attributes = attributes(&source)
    var request = ObjectRequest()
    request.object = attributes.object
    let count = 1 + source.next(below: number < 2 ? 1 : 5)
    request.rangeCount = UInt32(count)
    let isWrite = number & 1 == 1
    let isShort = number < 2
    if isShort {
      attributes.valid.insert(.flags)
      attributes.flags = .shortIO
    }
    request.bulkLimit = isShort ? 0 : 1 << UInt32(source.next() & 3)
    var offset = UInt64(source.next()) * 4096
    if source.next() & 7 == 7 { offset = source.edge() & ~4095 }
    var ranges: [UInt8] = []
    var total = 0
    for number in 0..<count {
      let length = number == count - 1 ? 100 + source.next16() % 4000 : 4096
      ranges +=
        RemoteRange(offset, length: UInt32(length), flags: isWrite ? .write : .read).encoded
      offset = offset &+ UInt64(length)
      total += length
    }
    if source.next() & 1 == 1 { attributes.valid.insert(.checksum) }
    let data = isShort && isWrite ? [UInt8](repeating: 0x5A, count: total) : []
    let message = FuzzedMessage(
      isWrite ? .ostWrite : .ostRead, .ostIO,
      [attributes.encoded, request.encoded, ranges, [], data])
    return (message, .object)
  }

  // MARK: - Locks

  private func lockRequest(count: UInt32) -> [UInt8] {
    var request = LockRequest()
    request.count = count
    return request.encoded + lock.encoded + Cookie(rawValue: 0x1234).encoded
  }

  private func enqueue(_ number: Int, _ source: inout ByteSource) -> FuzzedMessage {
    var request = LockRequest()
    let modes: [LockMode] = [.protectedRead, .protectedWrite, .exclusive, .group, .concurrentRead]
    request.descriptor.requestedMode = modes[source.next(below: modes.count)]
    if number == 6 {
      request.descriptor.type = .extent
      request.descriptor.resource = ObjectID.echo(UInt32(source.next() % 4)).resource
      request.descriptor.policy = LockPolicy(extent: source.edge(), through: source.edge())
      if source.next() & 3 == 3 { request.flags = .hasIntent }
    } else {
      request.descriptor.type = .plain
      request.descriptor.resource = ResourceID(configuration: "lfs", kind: .configuration)
      if source.next() & 1 == 1 { request.descriptor.requestedMode = .concurrentRead }
    }
    let handle = Cookie(rawValue: 0x1_0000 + UInt64(source.next()))
    let buffer = request.encoded + handle.encoded + lock.encoded
    let portal: Portal = number == 6 ? .ostRequest : .mgsRequest
    return FuzzedMessage(.ldlmEnqueue, portal, [buffer, LockIntent.getAttributes.encoded, []])
  }

  // MARK: - Metadata, management

  private func metadata(_ number: Int, _ source: inout ByteSource) -> FuzzedMessage {
    switch number {
    case 0: return FuzzedMessage(.mdsGetRoot, .mdsRequest, [[]])
    case 1:
      var body = MetadataBody()
      body.fid1 = .root
      return FuzzedMessage(.mdsGetAttributes, .mdsRequest, [body.encoded, []])
    case 2: return FuzzedMessage(.mdsStatfs, .mdsRequest)
    case 3, 4:
      var range = SequenceRange()
      range.start = source.edge()
      range.index = UInt32(truncatingIfNeeded: source.edge())
      let operation = UInt32(source.next() % 4)
      return FuzzedMessage(
        number == 3 ? .sequenceQuery : .fldQuery, number == 3 ? .seqMetadata : .fldRequest,
        [[UInt8(operation), 0, 0, 0], range.encoded])
    default: return FuzzedMessage(.mdsReintegrate, .mdsRequest, [[], []])
    }
  }

  private func management(_ number: Int, _ source: inout ByteSource) -> FuzzedMessage {
    switch number {
    case 0, 1:
      var info = TargetInfo()
      info.fileSystem = WireText(source.next() & 1 == 0 ? "lfs" : "other") ?? WireText()
      info.index = UInt32(source.next() % 4)
      info.name = WireText("lfs-OST000\(info.index)") ?? WireText()
      info.uuid = ObdUUID("lfs-OST000\(info.index)_UUID") ?? ObdUUID()
      info.nids[0] = World.nid(2)
      info.nidCount = 1
      let flags: [TargetFlags] = [
        [.ost, .register, .virgin], [.ost, .register, .update], [.ost, .ready],
        [.ost, .unregister],
        [.mdt, .register, .virgin], [.mdt, .register, .needsIndex],
        [.ost, .register, .writeConfiguration], [.ost, .register, .virgin, .hasParameters],
      ]
      info.flags = flags[source.next(below: flags.count)]
      if number == 1 { info.parameters = WireText("sys.timeout=20 ost.x=1") ?? WireText() }
      return FuzzedMessage(.mgsTargetRegister, .mgsRequest, [info.encoded])
    case 2:
      var read = ConfigReadRequest()
      read.name = WireText(source.next() & 1 == 0 ? "lfs-cliir" : "nodemap") ?? WireText()
      read.type = UInt16(source.next() % 6)
      read.unitBits = 12
      read.units = 1 + UInt32(source.next() % 4)
      read.offset = source.edge()
      return FuzzedMessage(.mgsConfigRead, .mgsRequest, [read.encoded])
    case 3:
      var body = LogBody()
      body.context = 1
      return FuzzedMessage(
        .logOpen, .mgsRequest, [body.encoded, Array("lfs-client".utf8) + [0]])
    case 4, 5:
      var body = LogBody()
      body.log.object = UInt64(source.next() % 16)
      body.context = 1
      body.index = UInt32(truncatingIfNeeded: source.edge())
      body.byteCountWanted = 8192
      body.offset = source.edge()
      return FuzzedMessage(
        number == 4 ? .logNextBlock : .logReadHeader, .mgsRequest, [body.encoded])
    default:
      return FuzzedMessage(
        number == 6 ? .mgsSetInfo : .mgsTargetDelete, .mgsRequest,
        [Array("lfs.ost.x=1".utf8) + [0], [UInt8](repeating: 0, count: 128)])
    }
  }

  // MARK: - The rest

  private func others(_ number: Int, _ source: inout ByteSource) -> (FuzzedMessage, Target) {
    let target = Target(rawValue: source.next(below: 3)) ?? .object
    let portal = Self.portals[target.rawValue]
    switch number {
    case 0: return (FuzzedMessage(.ping, portal), target)
    case 1:
      let count = UInt32(source.next() % 3)
      return (FuzzedMessage(.ldlmCancel, .ldlmCancelRequest, [lockRequest(count: count)]), target)
    case 2:
      let opcodes: [Opcode] = [
        .ldlmBlockingCallback, .ldlmCompletionCallback, .ldlmGlimpseCallback, .ldlmSetInfo,
      ]
      let opcode = opcodes[source.next(below: opcodes.count)]
      return (
        FuzzedMessage(opcode, .ldlmCallbackRequest, [lockRequest(count: 0), [], []]), target
      )
    default:
      let opcodes: [Opcode] = [.mgsDisconnect, .mdsDisconnect, .ostDisconnect, .ldlmConvert]
      if source.next() & 1 == 0 {
        return (FuzzedMessage(opcodes[source.next(below: 4)], portal), target)
      }
      return (
        FuzzedMessage(
          Opcode(rawValue: UInt32(source.next16() % 1200)), portal, [lockRequest(count: 1)]),
        target
      )
    }
  }
}
