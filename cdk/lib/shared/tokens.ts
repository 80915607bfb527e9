/**
 * Tokens in profiles and node groups. The id of a construct of the same app is a token, which CloudFormation resolves at
 * deployment. To check a profile before that, each token is replaced by a placeholder id of the right form.
 */
import { Token } from 'aws-cdk-lib';
import { ConfigurationError } from './configuration-error';

/** Auto Scaling's limit of a group's name, in characters. */
export const MAX_GROUP_NAME_LENGTH = 255;

/** The fields that may be tokens, and a placeholder of the greatest length for each. The number differs for each token. */
const PLACEHOLDERS: readonly (readonly [RegExp, (number: string) => string])[] = [
  [/\.subnetIds\[\d+\]$/, (number) => `subnet-${number}`],
  [/\.(securityGroupIds\[\d+\]|securityGroupId)$/, (number) => `sg-${number}`],
  [/\.autoScalingGroupNames\[\d+\]$/, (number) => number.padStart(MAX_GROUP_NAME_LENGTH, 'g')],
  [/\.cluster\.name$/, (number) => number.padStart(100, 'c')],
  [/\.cluster\.endpoint$/, (number) => `https://${number.padStart(80, '0')}`],
  // A cluster's certificate has some 1,100 bytes.
  [/\.cluster\.certificateAuthority$/, (number) => number.padStart(1600, '0')],
  [/\.cluster\.serviceCidr$/, () => '172.20.0.0/16'],
  [/\.nodeRoleArn$/, (number) => `arn:aws:iam::123456789012:role/${number}`],
];

/** Replaces the tokens of a profile by ids of the greatest length that they can resolve to. */
export function withLongestIds<P extends object>(profile: P): P {
  return withPlaceholderIds(profile, 'profile') as P;
}

/**
 * Replaces the tokens that stand for subnets, security groups, Auto Scaling groups, or attributes of a cluster by values of the
 * right form. Equal tokens get equal values, and different tokens get different ones, so that the rules of a profile or of a
 * node group can be checked.
 *
 * @param value the profile or the node group; its shape is not checked yet
 * @param field its name in an error
 * @throws ConfigurationError if a token stands in any other field, where its value could not be checked
 */
export function withPlaceholderIds(value: unknown, field: string): unknown {
  return replaceTokens(value, field, new Map());
}

function replaceTokens(value: unknown, field: string, idNumbers: Map<string, string>): unknown {
  if (typeof value === 'string') {
    return Token.isUnresolved(value) ? placeholderId(value, field, idNumbers) : value;
  }
  if (Array.isArray(value)) {
    if (Token.isUnresolved(value)) {
      throw new ConfigurationError(
        field,
        'the list is a token, whose value is known only at deployment',
        'Give a list of ids: each id may be a token, the list may not',
      );
    }
    return value.map((item, n) => replaceTokens(item, `${field}[${n}]`, idNumbers));
  }
  if (Token.isUnresolved(value)) {
    throw unexpectedToken(field);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, replaceTokens(item, `${field}.${key}`, idNumbers)]),
    );
  }
  return value;
}

function placeholderId(token: string, field: string, idNumbers: Map<string, string>): string {
  const placeholder = PLACEHOLDERS.find(([pattern]) => pattern.test(field))?.[1];
  if (placeholder === undefined) {
    throw unexpectedToken(field);
  }
  const number = idNumbers.get(token) ?? (idNumbers.size + 1).toString(16).padStart(17, '0');
  idNumbers.set(token, number);
  return placeholder(number);
}

function unexpectedToken(field: string): ConfigurationError {
  return new ConfigurationError(
    field,
    'the value is a token, whose value is known only at deployment',
    'Give a literal value',
  );
}
