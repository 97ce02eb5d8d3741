// Lockstep's services, loaded from protos/ at run time, and what its errors carry beside their code, decoded.
'use strict';

const path = require('path');

let grpc;
let protoLoader;
try {
  grpc = require('@grpc/grpc-js');
  protoLoader = require('@grpc/proto-loader');
} catch (error) {
  console.error(`${error.message.split('\n')[0]}; npm ci at the root of the repository installs it`);
  process.exit(1);
}

const protos = path.join(__dirname, '..', '..', 'protos');
const definition = protoLoader.loadSync(
  ['order', 'consumer', 'restaurant', 'control'].map((area) => `lockstep/${area}/v1/${area}.proto`)
    .concat('google/rpc/status.proto', 'google/rpc/error_details.proto', 'grpc/health/v1/health.proto'),
  // Names as in the protos, enums by name, and fields that were not sent have their defaults. Numbers are exact up to
  // 2^53, far above any amount of money here.
  { includeDirs: [protos], keepCase: true, enums: String, longs: Number, defaults: true });

// {lockstep: {order: {v1: {OrderService, …}}}, …}: the constructors of clients.
const services = grpc.loadPackageDefinition(definition);

const decode = (type, bytes) => definition[type].deserialize(bytes);

// Each detail of an error that a call has ended with; what the error does not carry is empty or null.
function errorDetails(error) {
  const details = {
    reason: '', // for programs: 'REQUEST_ID_REUSED'
    domain: '', // 'lockstep', where the error is a Lockstep server's own
    metadata: {}, // {order_id: '…'}
    fields: [], // {field, description} of each field that cannot be accepted
    preconditions: [], // {type, subject, description} of each reason of a refusal
    retryAfter: null, // seconds
    receipt: null, // a lockstep.call.v1.Receipt: what the call cost
  };
  const take = {
    'google.rpc.ErrorInfo': ({ reason, domain, metadata }) => Object.assign(details, { reason, domain, metadata }),
    'google.rpc.BadRequest': ({ field_violations: fields }) => Object.assign(details, { fields }),
    'google.rpc.PreconditionFailure': ({ violations }) => Object.assign(details, { preconditions: violations }),
    'google.rpc.RetryInfo': ({ retry_delay: delay }) => { details.retryAfter = delay.seconds + delay.nanos / 1e9; },
    'lockstep.call.v1.Receipt': (receipt) => Object.assign(details, { receipt }),
  };
  for (const bytes of error.metadata.get('grpc-status-details-bin')) {
    for (const any of decode('google.rpc.Status', bytes).details) {
      const type = any.type_url.split('/').pop();
      if (type in take) take[type](decode(type, any.value));
    }
  }
  return details;
}

// A call as a promise, with a deadline in seconds, so that none is without.
function call(client, method, request, seconds) {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + seconds * 1000 },
      (error, response) => (error ? reject(error) : resolve(response)));
  });
}

module.exports = { grpc, services, errorDetails, call };
