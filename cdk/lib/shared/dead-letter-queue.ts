/** The queue that receives undelivered events. */
import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IDestination } from 'aws-cdk-lib/aws-lambda';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledgements';

/** Creates the dead-letter queue of a construct. It keeps messages for 14 days, SQS's maximum. */
export function deadLetterQueue(scope: Construct): Queue {
  const queue = new Queue(scope, 'DeadLetters', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  acknowledge(queue, { 'AwsSolutions-SQS3': 'This is the dead-letter queue itself.' });
  return queue;
}

/**
 * Lets the rules of this account and Region send to a dead-letter queue, and returns the queue for the targets of rules. CDK adds
 * a statement to a queue's policy for each rule, and SQS takes 20 statements and 8,192 bytes (SQS Developer Guide, "Amazon SQS
 * policy quotas"). To an imported queue it adds none, so one statement is enough for all rules. CloudFormation chooses their names.
 */
export function queueForRules(scope: Construct, queue: Queue): IQueue {
  const rules = Stack.of(scope).formatArn({ service: 'events', resource: 'rule', resourceName: '*' });
  queue.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': rules } },
    }),
  );
  return Queue.fromQueueArn(scope, 'DeadLettersOfRules', queue.queueArn);
}

/**
 * Sends the failed invocations of a function to a queue. Lambda needs `sqs:SendMessage` for that (Lambda Developer Guide, "Capturing
 * records of Lambda asynchronous invocations"). CDK's `SqsDestination` allows the function to look up the queue as well.
 */
export function failedInvocationsTo(queue: IQueue): IDestination {
  return {
    bind: (_scope, { role }) => {
      role?.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] }),
      );
      return { destination: queue.queueArn };
    },
  };
}
