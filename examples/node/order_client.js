#!/usr/bin/env node
// Orders from Lockstep: in each style, within a deadline that is too short, with errors decoded, and a request repeated.
// Runs against the services that scripts/serve keeps up; examples/node/README.md shows what it prints.
'use strict';

const { randomUUID } = require('crypto');
const { parseArgs } = require('util');
const { grpc, services, errorDetails, call } = require('./lockstep.js');

const DEADLINE = 5; // seconds; every call has one
const RESTAURANT_METHOD = 'lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails';

const codeName = (error) => grpc.status[error.code];
const milliseconds = ({ seconds, nanos }) => seconds * 1e3 + nanos / 1e6;

// An order that every fresh set of sample data accepts; with a request id, so that it can be repeated.
const margherita = (changes = {}) => ({
  request_id: `node-${randomUUID()}`,
  consumer_id: 'c0001',
  restaurant_id: 'forno-bianco',
  lines: [{ menu_item_id: 'margherita', quantity: 2 }],
  delivery_address: { street: '129 Kelp Street', city: 'Harmouth', postal_code: 'HM1 6GZ' },
  ...changes,
});

async function inEachStyle(orders) {
  for (const style of ['STYLE_BLOCKING', 'STYLE_NON_BLOCKING']) {
    const { order, receipt } = await call(orders, 'CreateOrder', margherita({ options: { style } }), DEADLINE);
    const total = (order.total.units + order.total.nanos / 1e9).toFixed(2);
    const asked = receipt.calls.map((each) => `${each.peer} for ${milliseconds(each.duration).toFixed(1)} ms`);
    console.log(`${order.style}: ${order.state}, ${total} ${order.total.currency_code}; asked ${asked.join(', ')}`);
  }
}

async function withinADeadline(orders, control) {
  const slow = { method: RESTAURANT_METHOD, fixed_delay: { seconds: 2 } };
  await call(control, 'SetFaults', { faults: [slow] }, DEADLINE);
  const request = margherita();
  const started = Date.now();
  try {
    await call(orders, 'CreateOrder', request, 0.2);
    console.log('restaurant slowed by 2 s, deadline 200 ms: accepted?');
  } catch (error) {
    console.log(`restaurant slowed by 2 s, deadline 200 ms: ${codeName(error)} after ${Date.now() - started} ms`);
  } finally {
    await call(control, 'ClearFaults', {}, DEADLINE);
  }
  // Whether the order stands is unknown now. The same request again settles it, and never makes a second order.
  const { order } = await call(orders, 'CreateOrder', request, DEADLINE);
  console.log(`  the same request again: ${order.state}`);
}

async function withAnError(orders, what, request) {
  try {
    await call(orders, 'CreateOrder', request, DEADLINE);
    console.log(`${what}: accepted?`);
  } catch (error) {
    const details = errorDetails(error);
    console.log(`${what}: ${codeName(error)}, reason ${details.reason} of ${details.domain}`);
    for (const { field, description } of details.fields) console.log(`  ${field} ${description}`);
    for (const { subject, description } of details.preconditions) console.log(`  ${subject}: ${description}`);
    if (details.metadata.order_id) console.log(`  kept as order ${details.metadata.order_id}`);
    if (details.receipt) console.log(`  the receipt lists ${details.receipt.calls.length} calls`);
  }
}

async function repeated(orders) {
  const request = margherita();
  const first = await call(orders, 'CreateOrder', request, DEADLINE);
  const again = await call(orders, 'CreateOrder', request, DEADLINE);
  const same = again.order.order_id === first.order.order_id ? 'the same order' : 'another order?';
  console.log(`repeated: ${same}, duplicate ${first.receipt.duplicate} and then ${again.receipt.duplicate}`);
  request.lines[0].quantity = 3;
  await withAnError(orders, 'repeated with other lines', request);
}

async function main() {
  const { values } = parseArgs({
    options: {
      order: { type: 'string', default: '127.0.0.1:50051' },
      'restaurant-control': { type: 'string', default: '127.0.0.1:50063' },
    },
  });
  const { OrderService } = services.lockstep.order.v1;
  const { ControlService } = services.lockstep.control.v1;
  const orders = new OrderService(values.order, grpc.credentials.createInsecure());
  const control = new ControlService(values['restaurant-control'], grpc.credentials.createInsecure());
  try {
    await inEachStyle(orders);
    await withinADeadline(orders, control);
    await withAnError(orders, 'nothing ordered', margherita({ lines: [] }));
    const farAway = { street: '1 High Street', city: 'Farville', postal_code: 'ZZ9 9ZZ' };
    await withAnError(orders, 'delivered far away', margherita({ delivery_address: farAway }));
    await repeated(orders);
  } finally {
    orders.close();
    control.close();
  }
}

main().catch((error) => {
  console.error(`order_client: ${error.message}`);
  process.exitCode = 1;
});
